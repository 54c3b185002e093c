/* Dates are counted by the proleptic Gregorian calendar in years of March to February, so that the leap day comes
 * last and the months' lengths follow one line; no locale and no time zone of the host takes part.
 */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define S_PER_DAY 86400
#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static atomic_llong offset_ns;
static atomic_llong stands_at_ns; /* 0: it runs */

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct moment {
    int year, month, day, hour, minute, second;
};

static int64_t read_clock(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* cannot fail for these two clocks */
    return (int64_t)t.tv_sec * CLOCK_NS_PER_S + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    int64_t stands_ns = atomic_load_explicit(&stands_at_ns, memory_order_relaxed);
    return stands_ns ? stands_ns : read_clock(CLOCK_REALTIME) + atomic_load_explicit(&offset_ns, memory_order_relaxed);
}

void clock_set_offset_ns(int64_t offset)
{
    atomic_store(&offset_ns, offset);
}

void clock_stand_at_ns(int64_t wall_ns)
{
    atomic_store(&stands_at_ns, wall_ns);
}

void clock_cond_init(pthread_cond_t *ret)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(ret, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = deadline_ns / CLOCK_NS_PER_S, .tv_nsec = deadline_ns % CLOCK_NS_PER_S};
    if (deadline_ns == INT64_MAX)
        return pthread_cond_wait(cond, lock) == 0;
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

static struct moment moment_of(int64_t unix_s)
{
    int64_t days = unix_s / S_PER_DAY, seconds = unix_s % S_PER_DAY;
    if (seconds < 0) {
        seconds += S_PER_DAY;
        days--;
    }
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
    int64_t d = days - era * DAYS_PER_ERA;
    int64_t year_of_era = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t day_of_year = d - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    int64_t month = m < 10 ? m + 3 : m - 9;
    return (struct moment){.year = (int)(year_of_era + era * 400 + (month <= 2)),
                           .month = (int)month,
                           .day = (int)(day_of_year - (153 * m + 2) / 5 + 1),
                           .hour = (int)(seconds / 3600),
                           .minute = (int)(seconds / 60 % 60),
                           .second = (int)(seconds % 60)};
}

void clock_format_iso(int64_t unix_s, char ret_text[CLOCK_ISO_SIZE])
{
    const int64_t first = -62167219200LL, last = 253402300799LL; /* what four digits of a year hold */
    struct moment t = moment_of(unix_s < first ? first : unix_s > last ? last : unix_s);
    char text[96]; /* as wide as six ints could be, for the compiler's sake */
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.year, t.month, t.day, t.hour, t.minute,
                   t.second);
    memcpy(ret_text, text, CLOCK_ISO_SIZE);
}

/* Takes exactly COUNT digits. */
static bool digits(const char **p, int count, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*p)[i]))
            return false;
        value = value * 10 + ((*p)[i] - '0');
    }
    *p += count;
    *ret = value;
    return true;
}

static bool literal(const char **p, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*p, text, len) != 0)
        return false;
    *p += len;
    return true;
}

/* The index of the three-letter name at *P, -1 if it is none of them. */
static int name_index(const char **p, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (literal(p, names[i]))
            return i;
    }
    return -1;
}

static int days_in_month(int year, int month)
{
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool in_calendar(const struct moment *t, int second_max)
{
    return t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= days_in_month(t->year, t->month) &&
           t->hour <= 23 && t->minute <= 59 && t->second <= second_max;
}

static int64_t unix_of(const struct moment *t)
{
    return days_of(t->year, t->month, t->day) * S_PER_DAY + t->hour * 3600LL + t->minute * 60LL + t->second;
}

/* Both forms differ in nothing but their separators. */
static bool iso_moment(const char **p, const char *dash, const char *colon, struct moment *ret)
{
    return digits(p, 4, &ret->year) && literal(p, dash) && digits(p, 2, &ret->month) && literal(p, dash) &&
           digits(p, 2, &ret->day) && literal(p, "T") && digits(p, 2, &ret->hour) && literal(p, colon) &&
           digits(p, 2, &ret->minute) && literal(p, colon) && digits(p, 2, &ret->second);
}

/* A fraction of a second, if there is one: it is dropped. */
static bool fraction(const char **p)
{
    if (!literal(p, "."))
        return true;
    const char *first = *p;
    while (isdigit((unsigned char)**p))
        ++*p;
    return *p > first;
}

/* The zone must be UTC. */
static bool iso_rest(const char *p)
{
    return fraction(&p) && (strcmp(p, "Z") == 0 || strcmp(p, "+00:00") == 0 || strcmp(p, "-00:00") == 0);
}

errint clock_parse_iso(const char *text, int64_t *ret_unix_s)
{
    struct moment t = {0};
    const char *p = text;
    bool good = iso_moment(&p, "-", ":", &t);
    if (!good) {
        p = text;
        good = iso_moment(&p, "", "", &t);
    }
    if (!good || !iso_rest(p) || !in_calendar(&t, 59))
        return err_set(-EINVAL, "not an ISO 8601 time in UTC: '%.64s'", text);
    *ret_unix_s = unix_of(&t);
    return 0;
}

errint clock_parse_http(const char *text, int64_t *ret_unix_s)
{
    struct moment t = {0};
    const char *p = text;
    bool good = name_index(&p, day_names, 7) >= 0 && literal(&p, ", ") && digits(&p, 2, &t.day) && literal(&p, " ") &&
                (t.month = name_index(&p, month_names, 12) + 1) > 0 && literal(&p, " ") && digits(&p, 4, &t.year) &&
                literal(&p, " ") && digits(&p, 2, &t.hour) && literal(&p, ":") && digits(&p, 2, &t.minute) &&
                literal(&p, ":") && digits(&p, 2, &t.second) && fraction(&p) && strcmp(p, " GMT") == 0;
    if (!good || !in_calendar(&t, 60)) /* 60: a leap second, which the grammar has */
        return err_set(-EINVAL, "not an HTTP date: '%.64s'", text);
    *ret_unix_s = unix_of(&t);
    return 0;
}
