// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A policy file from any bytes: an error lies in one of its lines and leaves no rules; what is read
 * can be written and read again; and rules can be added to it and removed, and the rest stays.
 */
#include <errno.h>
#include <string.h>

#include "../unit/rule_equal.h"
#include "fuzz_error.h"
#include "policyfile_edit.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_failure(const char *text, size_t size, const struct rules *rules,
			  const struct policyfile_error *error)
{
	FUZZ_CHECK(rules->count == 0);
	if (!error->line)
		return;
	FUZZ_CHECK(error->text >= text && error->text + error->text_length <= text + size);
	FUZZ_CHECK(!memchr(error->text, '\n', error->text_length));
	fuzz_check_error(error->text, error->text_length, &error->rule);
}

/* The caller frees it. */
static char *written(const struct rules *rules, size_t *ret_size)
{
	char line[CGF_LINE_BYTES_MAX], *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	FUZZ_CHECK(out);
	for (size_t i = 0; i < rules->count; i++) {
		FUZZ_CHECK(rule_format(&rules->rules[i], line, sizeof(line)) > 0);
		fprintf(out, "%s\n", line);
	}
	fclose(out);
	return text;
}

static void check_success(const struct rules *rules)
{
	_cleanup_(rules_finish) struct rules again = { 0 };
	struct policyfile_error error;
	size_t size = 0;
	_cleanup_free_ char *text = written(rules, &size);

	FUZZ_CHECK(policyfile_parse(text, size, &again, &error) == 0);
	FUZZ_CHECK(rules->count == again.count);
	for (size_t i = 0; i < rules->count; i++)
		FUZZ_CHECK(rule_equal(&rules->rules[i], &again.rules[i]));
}

/* The rules of a file are those of its text. */
static void check_file(const struct policyfile *file)
{
	_cleanup_(rules_finish) struct rules again = { 0 };
	struct policyfile_error error;

	FUZZ_CHECK(policyfile_parse(file->text, file->length, &again, &error) == 0);
	FUZZ_CHECK(file->rules.count == again.count);
	for (size_t i = 0; i < again.count; i++)
		FUZZ_CHECK(rule_equal(&file->rules.rules[i], &again.rules[i]));
}

/* A rule that few texts have: added, and removed again; and the first that it has. */
static void check_edits(const char *text, size_t size)
{
	_cleanup_(rules_finish) struct rules one = { 0 };
	_cleanup_(policyfile_finish) struct policyfile file = { 0 };
	char *copy = malloc(size);
	struct policyfile_edited edited;
	struct policyfile_error error;
	size_t count;
	int r;

	FUZZ_CHECK(copy || !size);
	if (size)
		memcpy(copy, text, size);
	FUZZ_CHECK(policyfile_init(&file, copy, size, &error) == 0);
	FUZZ_CHECK(policyfile_parse("deny zz.zz:1", 12, &one, &error) == 0);
	count = file.rules.count;
	r = policyfile_add_rules(&file, &one, &edited);
	FUZZ_CHECK(r == 0 || count == CGF_POLICY_RULES_MAX);
	if (r < 0 || !edited.changed)
		return;
	check_file(&file);
	FUZZ_CHECK(file.length > size && (!size || !memcmp(file.text, text, size)));
	FUZZ_CHECK(policyfile_remove_rules(&file, &one, &edited) == 0);
	check_file(&file);
	FUZZ_CHECK(edited.changed == 1 && file.rules.count == count);
	FUZZ_CHECK(file.length >= size && file.length <= size + 2);
	FUZZ_CHECK(!size || !memcmp(file.text, text, size));
	FUZZ_CHECK(policyfile_remove_rules(&file, &one, &edited) == -ENOENT);
	if (!count)
		return;
	rules_finish(&one);
	FUZZ_CHECK(policyfile_parse(text, size, &one, &error) == 0);
	while (one.count > 1)
		rule_finish(&one.rules[--one.count]);
	FUZZ_CHECK(policyfile_remove_rules(&file, &one, &edited) == 0);
	FUZZ_CHECK(file.rules.count < count);
	check_file(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its own and of the very size, so that ASan sees a read beyond the end. */
	_cleanup_free_ char *text = malloc(size);
	_cleanup_(rules_finish) struct rules rules = { 0 };
	struct policyfile_error error;

	FUZZ_CHECK(text || !size);
	if (size)
		memcpy(text, data, size);
	if (policyfile_parse(text, size, &rules, &error) < 0)
		check_failure(text, size, &rules, &error);
	else {
		check_success(&rules);
		check_edits(text, size);
	}
	return 0;
}
