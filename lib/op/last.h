/* Of each key the row that ranks highest, held until it is due.
 *
 * The first row of a key opens a span at `at`; rows of the key that are less than `within` from it, on either side,
 * belong to it, and the highest of them is what stays. A key may have several spans, each `within` from the others;
 * a row that lies near two belongs to the earlier one. Spans end in the order of (at, key), wherever they came from:
 * `at` is a time, or a number that counts up where order of appearance is wanted.
 *
 * Rows rank by version (bytes, as keys are: expr/value.h), then by time, then by the bytes of the text; of two that
 * are the same in all of these the first stays.
 *
 * A span takes 130 to 200 bytes, as tables double, and its key, version, source and text. */
#ifndef EV_OP_LAST_H
#define EV_OP_LAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct last_row {
    struct slice version; /* empty, where none is compared */
    int64_t time;
    struct slice text;
    const char *source; /* where it came from, for whoever asks when it has lost */
    uint64_t line;
};

struct last;

struct last *last_new(uint64_t hash_seed);
void last_free(struct last *l);

/* Takes a copy of the row. True: one has lost, this one or the one that was held; *loser is valid until the next call
 * of any function here. False: the row has opened a span. No key is a prefix of another. */
bool last_put(struct last *l, struct slice key, int64_t at, int64_t within,
    const struct last_row *row, struct last_row *loser);

/* The place of the span that ends first; INT64_MAX where there is none. */
int64_t last_first(const struct last *l);
/* Ends that span, and gives its row, which is valid until the next call. There is one. */
void last_take(struct last *l, struct last_row *row);

size_t last_spans(const struct last *l);
size_t last_bytes(const struct last *l);

/* ---- from run to run: a span is an entry with a place, a key and a value ---- */

struct last_entry {
    int64_t at;
    struct slice key, value;
};

/* From here on it is noted what changes. */
void last_track(struct last *l);
/* Gives each span that has changed since the last time and has not ended to put(), in order; a false one ends it. */
bool last_save(struct last *l, bool (*put)(void *ctx, const struct last_entry *entry), void *ctx);
/* Brings one back, before any row. False: it is none. */
bool last_load(struct last *l, const struct last_entry *entry);

#endif
