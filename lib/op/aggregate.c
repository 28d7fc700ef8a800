#include "op/aggregate.h"

#include <stdlib.h>

#include "base/timestamp.h"
#include "op/cell.h"

/* Each accumulator is one cell of 8 bytes (op/cell.h): cell i of a group is of aggregate i. */
struct aggregates {
    size_t n;
    enum aggregate_kind *kinds;
    struct pool sums;
    struct texts extremes;
    struct texts picks;
    struct buf json; /* of a picked value */
};

struct aggregates *aggregates_new(const enum aggregate_kind *kinds, size_t n) {
    struct aggregates *a = mem_zero(1, sizeof *a);
    a->n = n;
    a->kinds = mem_zero(n ? n : 1, sizeof *kinds);
    for (size_t i = 0; i < n; i++) a->kinds[i] = kinds[i];
    a->sums = sums_pool();
    a->extremes = extremes_new();
    a->picks = picks_new();
    return a;
}

void aggregates_free(struct aggregates *a) {
    if (!a) return;
    pool_free(&a->sums);
    extremes_free(&a->extremes);
    picks_free(&a->picks);
    buf_free(&a->json);
    free(a->kinds);
    free(a);
}

size_t aggregates_layout(const struct aggregates *a) { return a->n * sizeof(uint64_t); }

size_t aggregates_aside(const struct aggregates *a) {
    return pool_bytes(&a->sums) + pool_bytes(&a->extremes.pool) + a->extremes.bytes +
           pool_bytes(&a->picks.pool) + a->picks.bytes;
}

/* ---- checking ---- */

static const char *kind_name(enum aggregate_kind kind) {
    static const char *const names[] = {
        [AGG_COUNT] = "count",
        [AGG_SUM] = "sum",
        [AGG_AVG] = "avg",
        [AGG_MIN] = "min",
        [AGG_MAX] = "max",
        [AGG_FIRST] = "first",
        [AGG_LAST] = "last",
    };
    return names[kind];
}

static bool has_right_type(enum aggregate_kind kind, enum value_kind v) {
    if (kind == AGG_COUNT) return true;
    if (kind == AGG_SUM || kind == AGG_AVG) return v == VALUE_NUMBER || v == VALUE_DURATION;
    return v != VALUE_JSON;
}

static bool wrong_type(struct err *e, enum aggregate_kind kind, const struct value *v) {
    bool number = kind == AGG_SUM || kind == AGG_AVG;
    const char *name = kind_name(kind),
               *want = number ? "a number" : "a number, string, time or true or false";
    if (v->kind == VALUE_STRING)
        return err_set(
            e, EXIT_BAD_DATA, "%s: expected %s, found the string %s", name, want, QUOTED(v->text));
    if (v->kind == VALUE_JSON) {
        const char *what = v->text.n && v->text.p[0] == '[' ? "array" : "object";
        return err_set(e, EXIT_BAD_DATA, "%s: expected %s, found an %s", name, want, what);
    }
    if (v->kind == VALUE_TIME)
        return err_set(e, EXIT_BAD_DATA, "%s: expected %s, found a time", name, want);
    return err_set(
        e, EXIT_BAD_DATA, "%s: expected %s, found %s", name, want, value_kind_name(v->kind));
}

bool aggregates_check(
    const struct aggregates *a, const struct aggregate_input *in, size_t *which, struct err *e) {
    for (size_t i = 0; i < a->n; i++) {
        if (in[i].skip || has_right_type(a->kinds[i], in[i].value.kind)) continue;
        *which = i;
        return wrong_type(e, a->kinds[i], &in[i].value);
    }
    return true;
}

/* ---- adding ---- */

static struct decimal seconds_of(int64_t us) { return (struct decimal){.small = us, .scale = 6}; }

static void add_sum(struct aggregates *a, uint64_t *cell, const struct value *v) {
    if (v->kind == VALUE_NUMBER) {
        sum_cell_add(&a->sums, cell, &v->number);
    } else {
        struct decimal d = seconds_of(v->us);
        sum_cell_add(&a->sums, cell, &d);
    }
}

static void add_extreme(struct aggregates *a, uint64_t *cell, const struct value *v, int sign) {
    char text[TIME_TEXT_MAX];
    struct value plain = *v;
    if (v->kind == VALUE_DURATION) {
        plain = (struct value){.kind = VALUE_NUMBER, .number = seconds_of(v->us)};
    } else if (v->kind == VALUE_TIME) {
        plain = (struct value){.kind = VALUE_STRING, .text = {text, time_write(text, v->us)}};
    }
    extreme_cell_add(&a->extremes, cell, &plain, sign);
}

static void add_pick(struct aggregates *a, uint64_t *cell, const struct value *v, int64_t time,
    struct slice text, int sign) {
    if (!pick_cell_wants(&a->picks, *cell, time, text, sign)) return;
    a->json.n = 0;
    value_write(&a->json, v);
    pick_cell_set(&a->picks, cell, time, text, buf_slice(&a->json));
}

void aggregates_add(struct aggregates *a, void *group, const struct aggregate_input *in,
    int64_t time, struct slice text) {
    uint64_t *cell = group;
    for (size_t i = 0; i < a->n; i++, cell++) {
        if (in[i].skip) continue;
        const struct value *v = &in[i].value;
        switch (a->kinds[i]) {
        case AGG_COUNT: ++*cell; break;
        case AGG_SUM:
        case AGG_AVG: add_sum(a, cell, v); break;
        case AGG_MIN: add_extreme(a, cell, v, -1); break;
        case AGG_MAX: add_extreme(a, cell, v, 1); break;
        case AGG_FIRST: add_pick(a, cell, v, time, text, -1); break;
        case AGG_LAST: add_pick(a, cell, v, time, text, 1); break;
        }
    }
}

/* ---- merging ---- */

void aggregates_merge(struct aggregates *a, void *into, const void *from) {
    uint64_t *cell = into;
    const uint64_t *other = from;
    for (size_t i = 0; i < a->n; i++) {
        switch (a->kinds[i]) {
        case AGG_COUNT: cell[i] += other[i]; break;
        case AGG_SUM:
        case AGG_AVG: sum_cell_merge(&a->sums, &cell[i], other[i], 1); break;
        case AGG_MIN: extreme_cell_merge(&a->extremes, &cell[i], other[i], -1); break;
        case AGG_MAX: extreme_cell_merge(&a->extremes, &cell[i], other[i], 1); break;
        case AGG_FIRST: pick_cell_merge(&a->picks, &cell[i], other[i], -1); break;
        case AGG_LAST: pick_cell_merge(&a->picks, &cell[i], other[i], 1); break;
        }
    }
}

bool aggregates_keep_no_text(const struct aggregates *a) {
    for (size_t i = 0; i < a->n; i++)
        if (a->kinds[i] != AGG_COUNT && a->kinds[i] != AGG_SUM && a->kinds[i] != AGG_AVG)
            return false;
    return true;
}

static bool can_unmerge(const struct aggregates *a, const uint64_t *cell, const uint64_t *other) {
    for (size_t i = 0; i < a->n; i++) {
        switch (a->kinds[i]) {
        case AGG_COUNT:
        case AGG_SUM:
        case AGG_AVG: break;
        case AGG_MIN:
        case AGG_MAX:
            if (!extreme_cell_stands(&a->extremes, cell[i], other[i])) return false;
            break;
        case AGG_FIRST:
        case AGG_LAST:
            if (!pick_cell_stands(&a->picks, cell[i], other[i])) return false;
            break;
        }
    }
    return true;
}

bool aggregates_unmerge(struct aggregates *a, void *from, const void *part) {
    uint64_t *cell = from;
    const uint64_t *other = part;
    if (!can_unmerge(a, cell, other)) return false;
    for (size_t i = 0; i < a->n; i++) {
        enum aggregate_kind kind = a->kinds[i];
        if (kind == AGG_COUNT) cell[i] -= other[i];
        else if (kind == AGG_SUM || kind == AGG_AVG)
            sum_cell_merge(&a->sums, &cell[i], other[i], -1);
    }
    return true;
}

void aggregates_clear(struct aggregates *a, void *group) {
    uint64_t *cell = group;
    for (size_t i = 0; i < a->n; i++) {
        switch (a->kinds[i]) {
        case AGG_COUNT: cell[i] = 0; break;
        case AGG_SUM:
        case AGG_AVG: sum_cell_clear(&a->sums, &cell[i]); break;
        case AGG_MIN:
        case AGG_MAX: extreme_cell_clear(&a->extremes, &cell[i]); break;
        case AGG_FIRST:
        case AGG_LAST: pick_cell_clear(&a->picks, &cell[i]); break;
        }
    }
}

/* ---- results ---- */

/* buf_printf() would take as long as all else that is done for a row here. */
static void write_count(uint64_t count, struct buf *out) {
    char digits[20], *p = digits + sizeof digits;
    do *--p = (char)('0' + count % 10);
    while (count /= 10);
    buf_add(out, p, (size_t)(digits + sizeof digits - p));
}

static void write_sum(const struct aggregates *a, uint64_t cell, bool avg, struct buf *out) {
    struct sum sum;
    uint64_t count = sum_cell_read(&a->sums, cell, &sum);
    if (!count) buf_adds(out, "null");
    else if (avg) sum_write_quotient(out, &sum, count);
    else sum_write(out, &sum);
}

void aggregates_write(const struct aggregates *a, const void *group, size_t i, struct buf *out) {
    uint64_t cell = ((const uint64_t *)group)[i];
    switch (a->kinds[i]) {
    case AGG_COUNT: write_count(cell, out); break;
    case AGG_SUM: write_sum(a, cell, false, out); break;
    case AGG_AVG: write_sum(a, cell, true, out); break;
    case AGG_MIN:
    case AGG_MAX: extreme_cell_write(&a->extremes, cell, out); break;
    case AGG_FIRST:
    case AGG_LAST: pick_cell_write(&a->picks, cell, out); break;
    }
}

/* ---- saving ---- */

void aggregates_save(const struct aggregates *a, const void *group, struct buf *out) {
    const uint64_t *cell = group;
    for (size_t i = 0; i < a->n; i++, cell++) {
        switch (a->kinds[i]) {
        case AGG_COUNT: bytes_put64(out, *cell); break;
        case AGG_SUM:
        case AGG_AVG: sum_cell_save(&a->sums, *cell, out); break;
        case AGG_MIN:
        case AGG_MAX: extreme_cell_save(&a->extremes, *cell, out); break;
        case AGG_FIRST:
        case AGG_LAST: pick_cell_save(&a->picks, *cell, out); break;
        }
    }
}

static bool load_cell(
    struct aggregates *a, enum aggregate_kind kind, uint64_t *cell, struct slice *in) {
    switch (kind) {
    case AGG_COUNT: return bytes_take64(in, cell);
    case AGG_SUM:
    case AGG_AVG: return sum_cell_load(&a->sums, cell, in);
    case AGG_MIN:
    case AGG_MAX: return extreme_cell_load(&a->extremes, cell, in);
    case AGG_FIRST:
    case AGG_LAST: return pick_cell_load(&a->picks, cell, in);
    }
    return false;
}

bool aggregates_load(struct aggregates *a, void *group, struct slice saved) {
    uint64_t *cell = group;
    for (size_t i = 0; i < a->n; i++)
        if (!load_cell(a, a->kinds[i], &cell[i], &saved)) return false;
    return saved.n == 0;
}
