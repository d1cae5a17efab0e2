/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What someone else runs for an attempt. */
#ifndef ESCAPE_HELPER_H
#define ESCAPE_HELPER_H

/* main()'s arguments; the exit status, or -1 if they are not for it. */
int escape_helper(int argc, char **argv);

#endif
