/* The INI dialect of AWS's shared config and credentials files.
 * AWS SDKs and Tools reference guide, "Format of the config file"; like botocore where the guide is silent.
 *
 * Ownership: aws_config_free; texts are valid until then, and wiped: keys may stand in them.
 * Threads:   read-only after parsing.
 * Errors:    -EINVAL with file and line (a NUL, a line before any section, one without '=', a block in a block);
 *            -EFBIG over AWS_CONFIG_BYTES_MAX; reading's own.
 * Cost:      linear to parse, linear a look-up.
 */
#ifndef CTFS_AWS_CONFIG_H
#define CTFS_AWS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/errors.h"

#define AWS_CONFIG_BYTES_MAX ((size_t)1024 * 1024)

struct aws_config;

/* Copies TEXT. NAME stands in messages. */
errint aws_config_parse(const char *name, const char *text, size_t len, struct aws_config **ret);

/* The file at PATH; -ENOENT if it is not there. */
errint aws_config_read(const char *path, struct aws_config **ret);
void aws_config_free(struct aws_config *c); /* NULL is nothing */

/* A section is [NAME] (KIND NULL, NAME perhaps with a blank in it) or [KIND NAME], NAME perhaps in quotes. Sections of the
 * same name are one. */
bool aws_config_has(const struct aws_config *c, const char *kind, const char *name);

/* KEY's value in a section, or NULL. Keys are compared without case; the last of several counts. A value that goes on
 * in indented lines keeps a newline before each; one that is empty and goes on is a block, whose value is "". */
const char *aws_config_get(const struct aws_config *c, const char *kind, const char *name, const char *key);

/* INNER's value in the block that KEY opens, or NULL. */
const char *aws_config_get_inner(const struct aws_config *c, const char *kind, const char *name, const char *key,
                                 const char *inner);

#endif
