#include "op/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* A segment is full at 27 slots of 32, and grows by an eighth. */
enum { FULL = 27, OF = 32, FIRST_CAPACITY = 16, TAIL = 16 };

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

/* Drops what is forgotten, and brings the rest home. */
static void purge(struct seen *s, struct seen_segment *g, int64_t forgotten) {
    uint32_t end = 0, kept = 0;
    for (uint32_t i = 0; i < g->size; i++) {
        struct seen_entry e = g->slots[i];
        if (is_free(&e)) continue;
        g->slots[i] = (struct seen_entry){0};
        if (e.first <= forgotten) continue;
        uint32_t at = home(g, e.key);
        end = at > end ? at : end;
        g->slots[end++] = e;
        kept++;
    }
    s->n -= g->used - kept;
    g->used = kept;
}

static bool is_full(const struct seen_segment *g, uint32_t used) {
    return (uint64_t)used * OF >= (uint64_t)g->capacity * FULL;
}

/* Room for one more. Where forgetting gives hardly any, the next time would come soon. */
static void make_room(struct seen *s, struct seen_segment *g, int64_t forgotten) {
    if (!is_full(g, g->used)) return;
    if (forgotten != INT64_MIN) purge(s, g, forgotten);
    if (is_full(g, g->used + g->used / 16)) grow(g);
}

static void add_tail(struct seen_segment *g) {
    g->slots = mem_grow(g->slots, g->size + TAIL, sizeof *g->slots);
    memset(&g->slots[g->size], 0, TAIL * sizeof *g->slots);
    g->size += TAIL;
}

static void add(struct seen *s, struct hash128 key, int64_t first, int64_t forgotten) {
    struct seen_segment *g = &s->segments[segment_of(key)];
    uint32_t i;
    make_room(s, g, forgotten);
    while (i = find(g, key), !push(g, i)) add_tail(g);
    g->slots[i] = (struct seen_entry){key, first};
    g->used++;
    s->n++;
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
    add(s, key, time, forgotten);
    return false;
}

void seen_add(struct seen *s, struct hash128 key, int64_t first) {
    add(s, not_free(key), first, INT64_MIN);
}

size_t seen_bytes(const struct seen *s) {
    size_t bytes = sizeof *s;
    for (size_t i = 0; i < SEEN_SEGMENTS; i++)
        bytes += s->segments[i].size * sizeof(struct seen_entry);
    return bytes;
}
