/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes to the text of a policy that keep all the rest of it: comments, blank lines, order, how
 * the other rules are written, and how lines end. Pure.
 */
#ifndef CGFENCE_POLICYFILE_EDIT_H
#define CGFENCE_POLICYFILE_EDIT_H

#include "policyfile.h"

/* The text of a policy, and its rules in the order of it. */
struct policyfile {
	char *text; /* with a NUL behind it after a change */
	size_t length;
	struct rules rules;
};

/*
 * Takes `text`, also on failure, when the file is empty and the error without its line's text:
 * those of policyfile_parse().
 */
int policyfile_init(struct policyfile *ret_file, char *text, size_t length,
		    struct policyfile_error *ret_error);
void policyfile_finish(struct policyfile *file);

/* What came of a change. */
struct policyfile_edited {
	size_t changed;	    /* rules that were added or removed */
	size_t first_wrong; /* on -ENOENT: which of the rules to remove is not there, the first */
};

/*
 * Adds the rules at the end that the file does not have yet, one a line, in canonical form. Rules
 * are the same if their canonical form is; a mode is there if it is the last one, and of several
 * that are added the last counts. On failure the file is as it was: -ENOMEM; -E2BIG beyond
 * CGF_POLICY_FILE_BYTES_MAX or CGF_POLICY_RULES_MAX.
 */
int policyfile_add_rules(struct policyfile *file, const struct rules *rules,
			 struct policyfile_edited *ret_edited);
/*
 * Removes every line that is one of the rules; a comment on such a line goes with it. -ENOENT, and
 * nothing is changed, if one is not there; otherwise as above.
 */
int policyfile_remove_rules(struct policyfile *file, const struct rules *rules,
			    struct policyfile_edited *ret_edited);

#endif
