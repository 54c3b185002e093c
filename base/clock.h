/* Time: the monotonic clock for deadlines, the wall clock for AWS and for files.
 *
 * Ownership: nothing.
 * Threads:   any; clock_set_offset_ns and clock_stand_at_ns are for tests.
 * Errors:    none.
 * Cost:      a vDSO call.
 */
#ifndef CTFS_BASE_CLOCK_H
#define CTFS_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

#define CLOCK_NS_PER_S 1000000000LL
#define CLOCK_NS_PER_MS 1000000LL

int64_t clock_monotonic_ns(void);

/* Wall time, nanoseconds since 1970 UTC, moved by clock_set_offset_ns, or where clock_stand_at_ns put it. */
int64_t clock_wall_ns(void);
static inline int64_t clock_wall_unix(void)
{
    return clock_wall_ns() / CLOCK_NS_PER_S;
}

void clock_set_offset_ns(int64_t offset_ns);

/* From now on it is WALL_NS, however long that takes; 0: it runs again. */
void clock_stand_at_ns(int64_t wall_ns);

/* A condition that clock_cond_wait may wait at. */
void clock_cond_init(pthread_cond_t *ret);

/* Waits until COND is signalled, as pthread_cond_wait, or until DEADLINE_NS (monotonic; INT64_MAX: never), whatever the wall
 * clock is set to meanwhile. False: the time is over. */
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

/* "2026-11-23T09:12:48Z" into 21 bytes. */
#define CLOCK_ISO_SIZE 21
void clock_format_iso(int64_t unix_s, char ret_text[CLOCK_ISO_SIZE]);

/* Reads ISO 8601 UTC ("2026-11-23T09:12:48Z", ".000Z", "+00:00") and AWS's basic form ("20261123T091248Z",
 * "20261101T000000.000Z"). -EINVAL when TEXT is none of these, with offsets other than zero among them. */
errint clock_parse_iso(const char *text, int64_t *ret_unix_s);

/* Reads "Mon, 23 Nov 2026 09:12:48 GMT" (RFC 9110 section 5.6.7), and a fraction of a second, as rclone sends it, which is
 * dropped. -EINVAL otherwise. */
errint clock_parse_http(const char *text, int64_t *ret_unix_s);

#endif
