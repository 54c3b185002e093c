/* A model without AWS, cache or database, for the tests of fs/: it implements the functions that fs/ calls.
 *
 * The test turns its knobs in a struct fake that may lie in memory shared with the mount's process; what waits is woken
 * there by a thread that looks at the knobs every few milliseconds.
 */
#ifndef CTFS_TESTS_FAKE_MODEL_H
#define CTFS_TESTS_FAKE_MODEL_H

#include <stdatomic.h>

#include "model/model.h"

#define FAKE_REPORT_BYTES (3u * 1024 * 1024 + 1234)
#define FAKE_EXTRA_BYTES 5000u /* by which a wrong declared size is too large */

struct fake {
    atomic_int reads_stuck;  /* reads of report.csv give no bytes */
    atomic_int topics_stuck; /* nothing is fetched */
    atomic_int unconnected;  /* no customer */
    atomic_int size_wrong;   /* report.csv declares too much, until its last block is read once */
    atomic_int version;      /* of the report */
    atomic_int renamed;      /* account 000000000001 has another name */
    atomic_int state;        /* what status tells of */
    atomic_int counter;      /* moves at each status */
    atomic_int lookups_hang; /* in the midst, with the thread that does them: of texts */
    atomic_int lookups_hung; /* those that do */
    atomic_int account_count;
    atomic_int commands_begun;
    atomic_int commands_run;       /* to their end */
    atomic_int command_result;     /* 0 or a negative errno */
    atomic_int command_hangs;      /* until it is cancelled */
    atomic_int command_hangs_deaf; /* not even then, for 10 s */
    atomic_int dropped;
    char last_command[4096];
};
extern struct fake *fake;

errint fake_model_new(const struct model_settings *settings, struct model **ret);

/* The byte at OFF of a report of that version. */
char fake_byte(int version, uint64_t off);

#endif
