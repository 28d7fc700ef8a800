#include "op/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* A segment is full at 27 slots of 32, and grows by an eighth. */
enum { FULL = 27, OF = 32, FIRST_CAPACITY = 16, TAIL = 16, SWEPT = 4 };

void seen_init(struct seen *s) { *s = (struct seen){0}; }

void seen_free(struct seen *s) {
    for (size_t i = 0; i < SEEN_SEGMENTS; i++) free(s->segments[i].slots);
    seen_init(s);
}

/* ---- where a key belongs ---- */

static struct hash128 not_free(struct hash128 key) {
    key.low |= !(key.high | key.low);
    return key;
}

static size_t segment_of(struct hash128 key) { return key.high >> (64 - SEEN_SEGMENT_BITS); }

/* In hash order: the bits below those of the segment, as a share of the capacity. */
static uint32_t home(const struct seen_segment *g, struct hash128 key) {
    uint64_t rest = key.high << SEEN_SEGMENT_BITS >> 32;
    return (uint32_t)(rest * g->capacity >> 32);
}

static bool is_free(const struct seen_entry *e) { return !(e->key.high | e->key.low); }

static int order(struct hash128 a, struct hash128 b) {
    if (a.high != b.high) return a.high < b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

/* The first slot at or behind the key's home that is free or does not come before it. */
static uint32_t find(const struct seen_segment *g, struct hash128 key) {
    uint32_t i = home(g, key);
    while (i < g->size && !is_free(&g->slots[i]) && order(g->slots[i].key, key) < 0) i++;
    return i;
}

/* ---- adding and removing ---- */

/* Puts the entries of `old` where they belong in g, in order; with to NULL only tells where they would end. */
static uint32_t spread(
    const struct seen_segment *g, const struct seen_segment *old, struct seen_entry *to) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < old->size; i++) {
        if (is_free(&old->slots[i])) continue;
        uint32_t at = home(g, old->slots[i].key);
        if (at > end) end = at;
        if (to) to[end] = old->slots[i];
        end++;
    }
    return end;
}

static void grow(struct seen_segment *g) {
    struct seen_segment old = *g;
    g->capacity = old.capacity ? old.capacity + old.capacity / 8 + 1 : FIRST_CAPACITY;
    uint32_t end = spread(g, &old, NULL);
    g->size = (end > g->capacity ? end : g->capacity) + TAIL;
    g->slots = mem_zero(g->size, sizeof *g->slots);
    (void)spread(g, &old, g->slots);
    free(old.slots);
}

/* Makes room at i by pushing what lies there up to the next free slot. False: there is none. */
static bool push(struct seen_segment *g, uint32_t i) {
    uint32_t end = i;
    while (end < g->size && !is_free(&g->slots[end])) end++;
    if (end == g->size) return false;
    memmove(&g->slots[i + 1], &g->slots[i], (end - i) * sizeof *g->slots);
    return true;
}

static void add(struct seen *s, struct seen_segment *g, struct hash128 key, int64_t first) {
    uint32_t i;
    while ((uint64_t)(g->used + 1) * OF > (uint64_t)g->capacity * FULL) grow(g);
    while (i = find(g, key), !push(g, i)) grow(g);
    g->slots[i] = (struct seen_entry){key, first};
    g->used++;
    s->n++;
}

/* What lies behind moves one back, up to a slot that is free or an entry that is at home. */
static void remove_at(struct seen *s, struct seen_segment *g, uint32_t i) {
    uint32_t end = i + 1;
    while (end < g->size && !is_free(&g->slots[end]) && home(g, g->slots[end].key) < end) end++;
    memmove(&g->slots[i], &g->slots[i + 1], (end - i - 1) * sizeof *g->slots);
    g->slots[end - 1] = (struct seen_entry){0};
    g->used--;
    s->n--;
}

/* ---- the set ---- */

void seen_prefetch(const struct seen *s, struct hash128 key) {
    const struct seen_segment *g = &s->segments[segment_of(key)];
    if (!g->capacity) return;
    const struct seen_entry *at = &g->slots[home(g, key)];
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + 2, 1); /* the line behind it, mostly */
}

static bool is_near(int64_t a, int64_t b, int64_t within) {
    int64_t apart;
    if (__builtin_sub_overflow(a > b ? a : b, a > b ? b : a, &apart)) return false;
    return apart < within;
}

bool seen_before(
    struct seen *s, struct hash128 key, int64_t time, int64_t within, int64_t forgotten) {
    key = not_free(key);
    struct seen_segment *g = &s->segments[segment_of(key)];
    for (uint32_t i = g->size ? find(g, key) : 0; i < g->size; i++) {
        const struct seen_entry *e = &g->slots[i];
        if (is_free(e) || order(e->key, key) != 0) break;
        if (e->first > forgotten && (within == INT64_MAX || is_near(e->first, time, within)))
            return true;
    }
    add(s, g, key, time);
    return false;
}

void seen_sweep(struct seen *s, int64_t forgotten) {
    struct seen_segment *g = &s->segments[s->sweeping];
    for (int k = 0; k < SWEPT; k++) {
        if (s->at >= g->size) {
            s->at = 0;
            s->sweeping = (s->sweeping + 1) % SEEN_SEGMENTS;
            g = &s->segments[s->sweeping];
            continue;
        }
        if (!is_free(&g->slots[s->at]) && g->slots[s->at].first <= forgotten)
            remove_at(s, g, s->at);
        else s->at++;
    }
}

size_t seen_bytes(const struct seen *s) {
    size_t bytes = sizeof *s;
    for (size_t i = 0; i < SEEN_SEGMENTS; i++)
        bytes += s->segments[i].size * sizeof(struct seen_entry);
    return bytes;
}
