/* --version: ctfs and the libraries it runs with.
 *
 * Ownership, threads, errors: nothing.
 * Cost:      prints to stdout.
 */
#ifndef CTFS_CLI_VERSION_H
#define CTFS_CLI_VERSION_H

void cli_version_print(void);

#endif
