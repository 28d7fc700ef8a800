/* Time zones by the C library: its TZ is the process's only zone.
 *
 * localtime_r() costs some 100 ns and a lock. Offsets are therefore remembered for granules of time
 * in which there is at most one transition: no two of the database are nearer than three days. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/timestamp.h"

#define GRANULE_US DAY_US
enum { GRANULES = 256 };

/* One granule of time: `before` holds up to `change`, `after` from there on. */
struct granule {
    int64_t number;
    int64_t change;
    int64_t before, after;
};

struct zone {
    char *name;
    bool utc;
    int opened;
    int64_t standard;
    struct granule granules[GRANULES];
};

static struct zone *the_zone; /* of the C library's TZ */

enum { PATH_LONGEST = 512 };

/* Finds the file of a zone in the database; those begin with TZif. What the C library would take
 * besides, POSIX rules and absolute names, is refused: it takes any mistyped name for UTC. */
static bool find_file(const char *name, char path[PATH_LONGEST]) {
    static const char *const folders[] = {
        "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"};
    const char *own = getenv("TZDIR");
    if (!*name || *name == '/' || strstr(name, "..")) return false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        int n = snprintf(path, PATH_LONGEST, "%s/%s", own ? own : folders[i], name);
        FILE *file = n < PATH_LONGEST ? fopen(path, "re") : NULL;
        if (!file) continue;
        char magic[4];
        bool good = fread(magic, 1, 4, file) == 4 && memcmp(magic, "TZif", 4) == 0;
        fclose(file);
        if (good) return true;
    }
    return false;
}

/* The file by its full name, so that the C library reads the very one that was found. */
static bool use_file(const char *path) {
    char tz[PATH_LONGEST + 1];
    snprintf(tz, sizeof tz, ":%s", path);
    if (setenv("TZ", tz, 1) != 0) return false;
    tzset();
    return true;
}

static int64_t ask(int64_t utc, bool *summer) {
    time_t t = (time_t)floor_div(utc, SECOND_US);
    struct tm tm;
    if (!localtime_r(&t, &tm)) return 0; /* a year beyond int: not between TIME_MIN and TIME_MAX */
    if (summer) *summer = tm.tm_isdst > 0;
    return tm.tm_gmtoff * SECOND_US;
}

/* Of the rules that hold from now on: those of 1970 had Singapore half an hour off its hours. */
static int64_t ask_standard(void) {
    int64_t offset = 0;
    bool summer = true;
    for (int month = 1; summer && month <= 12; month++)
        offset = ask(civil_to_days((struct civil){2037, month, 1}) * DAY_US, &summer);
    return offset;
}

static bool is_utc(const char *name) {
    return strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0 || strcmp(name, "Z") == 0;
}

static struct zone *new_zone(const char *name) {
    struct zone *z = mem_zero(1, sizeof *z);
    z->name = mem_str(slice_of(name));
    z->opened = 1;
    return z;
}

struct zone *zone_open(const char *name, struct err *e) {
    if (is_utc(name)) {
        struct zone *z = new_zone(name);
        z->utc = true;
        return z;
    }
    if (the_zone && strcmp(the_zone->name, name) == 0) {
        the_zone->opened++;
        return the_zone;
    }
    const char *shown = QUOTED(slice_of(name));
    char path[PATH_LONGEST];
    if (the_zone)
        err_set(e, EXIT_USAGE, "a second time zone, %s, beside %s", shown, the_zone->name);
    else if (!find_file(name, path))
        err_set(e, EXIT_USAGE,
            "no such time zone: %s; write it as Europe/Berlin (is tzdata installed?)", shown);
    else if (!use_file(path)) err_errno(e, EXIT_IO, errno, "cannot set TZ");
    else {
        struct zone *z = new_zone(name);
        for (int i = 0; i < GRANULES; i++) z->granules[i].number = INT64_MIN;
        z->standard = ask_standard();
        return the_zone = z;
    }
    return NULL;
}

void zone_close(struct zone *z) {
    if (!z || --z->opened > 0) return;
    if (z == the_zone) the_zone = NULL;
    free(z->name);
    free(z);
}

const char *zone_name(const struct zone *z) { return z ? z->name : "UTC"; }

static struct granule learn(int64_t number) {
    int64_t low = number * GRANULE_US, high = low + GRANULE_US;
    struct granule g = {
        .number = number, .change = high, .before = ask(low, NULL), .after = ask(high, NULL)};
    if (g.before == g.after) return g;
    while (high - low > SECOND_US) {
        int64_t middle = low + (high - low) / 2 / SECOND_US * SECOND_US;
        if (ask(middle, NULL) == g.before) low = middle;
        else high = middle;
    }
    g.change = high;
    return g;
}

int64_t zone_offset(struct zone *z, int64_t utc) {
    if (!z || z->utc) return 0;
    int64_t number = floor_div(utc, GRANULE_US);
    struct granule *g = &z->granules[(uint64_t)number % GRANULES];
    if (g->number != number) *g = learn(number);
    return utc < g->change ? g->before : g->after;
}

int64_t zone_standard_offset(struct zone *z) { return z ? z->standard : 0; }

int64_t zone_to_utc(struct zone *z, int64_t local, enum local_kind *kind) {
    *kind = LOCAL_PLAIN;
    if (!z || z->utc) return local;
    /* No transitions lie within a day of each other, and no offset is a day. */
    int64_t early = zone_offset(z, local - DAY_US), late = zone_offset(z, local + DAY_US);
    if (early == late) return local - early;
    bool early_holds = zone_offset(z, local - early) == early;
    bool late_holds = zone_offset(z, local - late) == late;
    if (early_holds && late_holds) *kind = LOCAL_AMBIGUOUS;
    else if (!early_holds && !late_holds) *kind = LOCAL_MISSING;
    if (late_holds && !early_holds) return local - late;
    return local - early;
}
