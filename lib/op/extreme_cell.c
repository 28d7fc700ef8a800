#include <stdlib.h>

#include "op/cell.h"

/* Cells that were merged share their record. */
struct extreme {
    uint32_t pool;
    uint32_t users;
    struct value value; /* its text is the record's own */
};

enum { INLINE_SCALE = 6 };
static const int64_t pow10_of[INLINE_SCALE + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

struct texts extremes_new(void) {
    return (struct texts){.pool.size = sizeof(struct extreme)};
}

/* What lies aside of a value: strings. */
static struct slice text_of(const struct value *v) {
    return v->kind == VALUE_STRING ? v->text : (struct slice){0};
}

void extremes_free(struct texts *aside) {
    for (uint32_t i = 1; i <= aside->pool.used; i++) {
        struct extreme *x = pool_at(&aside->pool, i);
        free((char *)text_of(&x->value).p);
    }
    pool_free(&aside->pool);
}

static bool is_inline(uint64_t cell) { return cell & 1; }

static struct extreme *extreme_at(const struct texts *aside, uint64_t cell) {
    return pool_at(&aside->pool, (uint32_t)(cell >> 1));
}

static struct value value_in(const struct texts *aside, uint64_t cell) {
    if (!is_inline(cell)) return extreme_at(aside, cell)->value;
    return (struct value){
        .kind = VALUE_NUMBER,
        .number = {.small = (int64_t)cell >> 1, .scale = INLINE_SCALE},
    };
}

/* 0 when v has no inline form. */
static uint64_t inline_cell(const struct value *v) {
    int64_t n;
    const struct decimal *d = &v->number;
    if (v->kind != VALUE_NUMBER || d->wide || d->scale > INLINE_SCALE ||
        __builtin_mul_overflow(d->small, pow10_of[INLINE_SCALE - d->scale], &n) ||
        n > INT64_MAX / 2 || n < INT64_MIN / 2)
        return 0;
    return (uint64_t)n << 1 | 1;
}

static int compare(const struct texts *aside, uint64_t a, uint64_t b) {
    if (is_inline(a) && is_inline(b)) return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
    struct value x = value_in(aside, a), y = value_in(aside, b);
    return value_cmp(&x, &y);
}

static void set(struct texts *aside, uint64_t *cell, const struct value *v) {
    extreme_cell_clear(aside, cell);
    *cell = inline_cell(v);
    if (*cell) return;
    uint32_t number = pool_take(&aside->pool);
    struct extreme *x = pool_at(&aside->pool, number);
    x->users = 1;
    x->value = *v;
    if (v->kind == VALUE_STRING) {
        x->value.text.p = mem_str(v->text);
        aside->bytes += v->text.n + 1;
    }
    *cell = (uint64_t)number << 1;
}

void extreme_cell_add(struct texts *aside, uint64_t *cell, const struct value *v, int sign) {
    if (*cell) {
        uint64_t other = inline_cell(v);
        int order;
        if (other && is_inline(*cell)) {
            order = compare(aside, other, *cell);
        } else {
            struct value held = value_in(aside, *cell);
            order = value_cmp(v, &held);
        }
        if (order * sign <= 0) return;
    }
    set(aside, cell, v);
}

void extreme_cell_merge(struct texts *aside, uint64_t *cell, uint64_t from, int sign) {
    if (!from || (*cell && compare(aside, from, *cell) * sign <= 0)) return;
    extreme_cell_clear(aside, cell);
    *cell = from;
    if (!is_inline(from)) extreme_at(aside, from)->users++;
}

bool extreme_cell_stands(const struct texts *aside, uint64_t cell, uint64_t from) {
    return !from || compare(aside, cell, from) != 0;
}

void extreme_cell_clear(struct texts *aside, uint64_t *cell) {
    struct extreme *x = *cell && !is_inline(*cell) ? extreme_at(aside, *cell) : NULL;
    if (x && --x->users == 0) {
        struct slice text = text_of(&x->value);
        if (text.p) aside->bytes -= text.n + 1;
        free((char *)text.p);
        pool_give(&aside->pool, (uint32_t)(*cell >> 1));
    }
    *cell = 0;
}

void extreme_cell_write(const struct texts *aside, uint64_t cell, struct buf *out) {
    if (!cell) {
        buf_adds(out, "null");
        return;
    }
    struct value v = value_in(aside, cell);
    value_write(out, &v);
}

/* An inline cell as it is; else 0 for none, or 2, the value's kind and the value. */
enum { ASIDE = 2 };

void extreme_cell_save(const struct texts *aside, uint64_t cell, struct buf *out) {
    unsigned char key[DECIMAL_KEY_MAX];
    if (!cell || is_inline(cell)) {
        bytes_put64(out, cell);
        return;
    }
    struct value v = value_in(aside, cell);
    bytes_put64(out, ASIDE);
    bytes_put64(out, (uint64_t)v.kind);
    if (v.kind == VALUE_NUMBER)
        bytes_put(out, (struct slice){(char *)key, decimal_key(&v.number, key)});
    if (v.kind == VALUE_STRING) bytes_put(out, v.text);
}

bool extreme_cell_load(struct texts *aside, uint64_t *cell, struct slice *in) {
    uint64_t kind;
    struct slice text = {0};
    if (!bytes_take64(in, cell)) return false;
    if (!*cell || is_inline(*cell)) return true;
    *cell = 0;
    if (!bytes_take64(in, &kind) || kind > VALUE_STRING) return false;
    struct value v = {.kind = (enum value_kind)kind};
    bool has_text = v.kind == VALUE_NUMBER || v.kind == VALUE_STRING;
    if (has_text && !bytes_take(in, &text)) return false;
    if (v.kind == VALUE_NUMBER) {
        if (!decimal_is_key(text)) return false;
        decimal_from_key((const unsigned char *)text.p, &v.number);
    }
    if (v.kind == VALUE_STRING) v.text = text;
    set(aside, cell, &v);
    return true;
}
