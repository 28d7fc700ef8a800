/* Tumbling and hopping windows over groups.
 *
 * Hopping windows share slices: an event is added once, to the slice of the length of the slide it
 * lies in, and a window's result is its slices merged. A window [start, end) fires when W >= end;
 * with allowed lateness it comes out at W >= end, after each late event that enters it, and once
 * more, final, at W >= end + allowed. An event is late for a window when end + allowed <= W as it
 * stood before the event, and late as a whole when that holds for all of its windows. (The rules
 * are Flink's.)
 *
 * Groups: a dictionary maps key bytes to a number and counts the live slices that hold the key, so
 * that unique keys do not leak; each slice has its own small table from that number to the
 * accumulators. The dictionary's keys stand in one order, into which new ones are merged at a
 * firing, so that rows come out by key without a sort of byte strings each time. */
#ifndef EV_OP_WINDOW_H
#define EV_OP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/timestamp.h"
#include "op/aggregate.h"

struct window_spec {
    struct period size;
    struct period slide;      /* the size for tumbling windows; divides it (checked before) */
    struct zone *zone;        /* NULL: UTC */
    int64_t offset;           /* µs; shifts the boundaries */
    int64_t allowed_lateness; /* µs */
    bool corrections; /* --allowed-lateness was given, 0 too: versioned rows, and a final one */
};

struct windows;

struct windows *windows_new(
    const struct window_spec *spec, struct aggregates *aggregates, uint64_t hash_seed);
void windows_free(struct windows *w);

enum window_fate {
    WINDOW_IN,
    WINDOW_LATE, /* entered no window */
};

struct window_place {
    enum window_fate fate;
    int64_t window_start; /* of the newest window the event lies in, for the envelope */
    int64_t window_end;
    int missed; /* windows it was late for while it entered others */
};

/* Adds an event unless it is late as a whole, and says where it went or would have gone.
 * The caller has taken all rows that are due at W (windows_row) before. key: see expr/value.h. */
struct window_place windows_add(struct windows *w, int64_t time, int64_t watermark,
    struct slice key, const struct aggregate_input *in, struct slice text);

struct window_row {
    int64_t start, end;
    struct slice key;
    const void *group; /* for aggregates_write() */
    uint32_t version;  /* from 1; how often this window of this key has come out */
    bool final;
    bool is_correction; /* comes after the window's on-time moment */
};

/* Is anything due at W? Cheap: one comparison, to be asked for each event. */
bool windows_due(const struct windows *w, int64_t watermark);
/* The next row that is due at W (TIME_END: everything); false when there is none left. First come
 * the corrections that the event just added has caused, by end; then windows by the moment of their
 * coming out (end, or end + allowed for final rows), the on-time rows of a window before its final
 * ones, then by end, start, key. What out points to is valid until the next call. */
bool windows_row(struct windows *w, int64_t watermark, struct window_row *out);

/* The least time (window_end - 1) of a row that may still come once all that is due at W has been
 * taken, whether its window has events yet or not: the next stage's watermark may be that. */
int64_t windows_hold(const struct windows *w, int64_t watermark);
/* ---- from run to run ----
 *
 * What windows remember is entries of two tables, each with a time, a key and a value: groups of panes, by the pane's
 * start, and how often a group has come out that late events have touched, by the window's end. */
enum window_table { WINDOW_GROUPS, WINDOW_VERSIONS, WINDOW_TABLES };
struct window_entry {
    enum window_table table;
    int64_t time;
    struct slice key, value;
};

/* From here on it is noted what changes. */
void windows_track(struct windows *w);
/* Gives each entry that has changed since the last time to put(), table by table, by time and key; a false one ends
 * it. All that was due has been taken before. */
bool windows_save(
    struct windows *w, bool (*put)(void *ctx, const struct window_entry *entry), void *ctx);
/* Entries of the table with an earlier time are no more. */
int64_t windows_forgotten(const struct windows *w, enum window_table table);
/* Brings an entry back, before any event. False: it is none of this query. */
bool windows_load(struct windows *w, const struct window_entry *entry);
/* How far the windows have come out, on time and for the last time; and back, when all entries are loaded. */
void windows_passed(const struct windows *w, int64_t passed[static 2]);
void windows_resume(struct windows *w, const int64_t passed[static 2]);

/* End of the first window that has not fired, TIME_END when none is open; for a hint. */
int64_t windows_first_end(const struct windows *w);
/* Windows with events that have not come out for the last time. */
size_t windows_open(const struct windows *w);
/* Groups in slices, and the memory of tables, dictionary and aside; a few dozen of the last events
 * may not be in them yet. */
size_t windows_groups(const struct windows *w);
size_t windows_bytes(const struct windows *w);

#endif
