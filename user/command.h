/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands of the table in main.c: each takes its own arguments, its name first. */
#ifndef CGFENCE_COMMAND_H
#define CGFENCE_COMMAND_H

/* What cgfence exits with when it failed itself, as env(1) and nohup(1) do. */
#define EXIT_CGFENCE 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

int cmd_allow(int argc, char *argv[]);
int cmd_apply(int argc, char *argv[]);
int cmd_attach(int argc, char *argv[]);
int cmd_check(int argc, char *argv[]);
int cmd_daemon(int argc, char *argv[]);
int cmd_delete(int argc, char *argv[]);
int cmd_detach(int argc, char *argv[]);
int cmd_remove(int argc, char *argv[]);
int cmd_run(int argc, char *argv[]);
int cmd_show(int argc, char *argv[]);
int cmd_sockets(int argc, char *argv[]);
int cmd_status(int argc, char *argv[]);
int cmd_watch(int argc, char *argv[]);

#endif
