#include <stdlib.h>

#include "op/cell.h"

/* Cells that were merged share their record. */
struct pick {
    uint32_t pool;
    uint32_t users;
    int64_t time;
    char *bytes; /* the event's text, then the value's JSON */
    size_t text_n, json_n;
};

struct texts picks_new(void) {
    return (struct texts){.pool.size = sizeof(struct pick)};
}

void picks_free(struct texts *aside) {
    for (uint32_t i = 1; i <= aside->pool.used; i++)
        free(((struct pick *)pool_at(&aside->pool, i))->bytes);
    pool_free(&aside->pool);
}

static struct pick *pick_at(const struct texts *aside, uint64_t cell) {
    return pool_at(&aside->pool, (uint32_t)cell);
}

static struct slice text_of(const struct pick *p) { return (struct slice){p->bytes, p->text_n}; }

static struct slice json_of(const struct pick *p) {
    return (struct slice){p->bytes + p->text_n, p->json_n};
}

static int compare(int64_t time, struct slice text, const struct pick *p) {
    if (time != p->time) return time < p->time ? -1 : 1;
    return slice_cmp(text, text_of(p));
}

bool pick_cell_wants(
    const struct texts *aside, uint64_t cell, int64_t time, struct slice text, int sign) {
    return !cell || compare(time, text, pick_at(aside, cell)) * (int64_t)sign > 0;
}

void pick_cell_set(
    struct texts *aside, uint64_t *cell, int64_t time, struct slice text, struct slice json) {
    pick_cell_clear(aside, cell);
    *cell = pool_take(&aside->pool);
    struct pick *p = pick_at(aside, *cell);
    *p = (struct pick){.users = 1, .time = time, .text_n = text.n, .json_n = json.n};
    p->bytes = mem_alloc(text.n + json.n);
    if (text.n) memcpy(p->bytes, text.p, text.n);
    if (json.n) memcpy(p->bytes + text.n, json.p, json.n);
    aside->bytes += text.n + json.n;
}

void pick_cell_merge(struct texts *aside, uint64_t *cell, uint64_t from, int sign) {
    if (!from) return;
    struct pick *p = pick_at(aside, from);
    if (!pick_cell_wants(aside, *cell, p->time, text_of(p), sign)) return;
    pick_cell_clear(aside, cell);
    *cell = from;
    p->users++;
}

bool pick_cell_stands(const struct texts *aside, uint64_t cell, uint64_t from) {
    if (!from) return true;
    const struct pick *p = pick_at(aside, from);
    return compare(p->time, text_of(p), pick_at(aside, cell)) != 0;
}

void pick_cell_clear(struct texts *aside, uint64_t *cell) {
    struct pick *p = *cell ? pick_at(aside, *cell) : NULL;
    if (p && --p->users == 0) {
        aside->bytes -= p->text_n + p->json_n;
        free(p->bytes);
        pool_give(&aside->pool, (uint32_t)*cell);
    }
    *cell = 0;
}

void pick_cell_write(const struct texts *aside, uint64_t cell, struct buf *out) {
    if (!cell) buf_adds(out, "null");
    else buf_add_slice(out, json_of(pick_at(aside, cell)));
}

void pick_cell_save(const struct texts *aside, uint64_t cell, struct buf *out) {
    bytes_put64(out, cell != 0);
    if (!cell) return;
    const struct pick *p = pick_at(aside, cell);
    bytes_put64(out, (uint64_t)p->time);
    bytes_put(out, text_of(p));
    bytes_put(out, json_of(p));
}

bool pick_cell_load(struct texts *aside, uint64_t *cell, struct slice *in) {
    uint64_t there, time;
    struct slice text, json;
    if (!bytes_take64(in, &there)) return false;
    if (!there) return true;
    if (!bytes_take64(in, &time) || !bytes_take(in, &text) || !bytes_take(in, &json)) return false;
    pick_cell_set(aside, cell, (int64_t)time, text, json);
    return true;
}
