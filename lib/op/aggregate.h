/* Aggregates: count sum avg min max first last, each alone and with a condition.
 *
 * A group's accumulators lie one behind the other in a block of aggregates_layout() bytes that the
 * window table owns. Each takes 8 bytes; what does not fit goes aside, so that results are exact
 * and no order of arrival changes a digit. */
#ifndef EV_OP_AGGREGATE_H
#define EV_OP_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "expr/value.h"

enum aggregate_kind {
    AGG_COUNT, /* of events, or of values that are not null */
    AGG_SUM,   /* null when no value came */
    AGG_AVG,
    AGG_MIN, /* by the total order over numbers, strings, times, booleans */
    AGG_MAX,
    AGG_FIRST, /* by event time, then the event's bytes; null values are skipped */
    AGG_LAST,
};

/* One event's contribution to one aggregate. */
struct aggregate_input {
    bool skip;          /* the condition is not true, or the value is null */
    struct value value; /* of COUNT: not looked at */
};

struct aggregates; /* the kinds, their layout, and what lies aside */

struct aggregates *aggregates_new(const enum aggregate_kind *kinds, size_t n);
void aggregates_free(struct aggregates *a);
/* Bytes a group, a multiple of 8; all zero is the empty group. */
size_t aggregates_layout(const struct aggregates *a);

/* EXIT_BAD_DATA when a value has the wrong type: nothing of the event has then been added; *which
 * is the aggregate. */
bool aggregates_check(
    const struct aggregates *a, const struct aggregate_input *in, size_t *which, struct err *e);
/* in passed aggregates_check(). time and text are of the event, for first and last. */
void aggregates_add(struct aggregates *a, void *group, const struct aggregate_input *in,
    int64_t time, struct slice text);
void aggregates_merge(struct aggregates *a, void *into, const void *from);
/* Are the inputs complete in themselves, so that they can be kept? min, max, first and last look at
 * texts. */
bool aggregates_keep_no_text(const struct aggregates *a);
/* Takes out a part that had been merged. False, and nothing done, where a min, max, first or last
 * came from that part: the caller then merges the other parts anew. */
bool aggregates_unmerge(struct aggregates *a, void *from, const void *part);
/* Appends the group, and makes an empty one of what was appended: false where that is none of these aggregates. */
void aggregates_save(const struct aggregates *a, const void *group, struct buf *out);
bool aggregates_load(struct aggregates *a, void *group, struct slice saved);
/* Frees what the group has aside and empties it. */
void aggregates_clear(struct aggregates *a, void *group);
/* Appends the canonical JSON of result i. */
void aggregates_write(const struct aggregates *a, const void *group, size_t i, struct buf *out);
/* Bytes that lie aside. */
size_t aggregates_aside(const struct aggregates *a);

#endif
