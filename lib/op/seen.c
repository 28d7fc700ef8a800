#include "op/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/timestamp.h"

/* A slot of the index: 0 when it is free, else some bits of the key above the entry's number, counted from 1. */
enum { SLOTS = 16, NUMBER_BITS = 22, LINE_BYTES = 64 };
enum { ENTRY_BLOCK = 1 << 10, INDEX_BLOCK = 4 << 10, LINES = INDEX_BLOCK / LINE_BYTES };
enum { FULL = 13, FIRST_LINES = 4 }; /* slots of a line, taken together */
#define NUMBERS ((UINT32_C(1) << NUMBER_BITS) - 1)

/* With which a line is looked at as a whole; every processor has it in this size. */
typedef uint32_t four __attribute__((vector_size(16), may_alias));

void seen_init(struct seen *s, bool timed) {
    *s = (struct seen){.index.size = INDEX_BLOCK, .entries.size = ENTRY_BLOCK, .timed = timed};
    s->entry_bytes = sizeof(struct hash128) + (timed ? sizeof(int64_t) : 0);
    s->per_block = ENTRY_BLOCK / s->entry_bytes;
}

void seen_free(struct seen *s) {
    for (size_t i = 0; i < SEEN_SEGMENTS; i++) {
        free(s->segments[i].index);
        free(s->segments[i].entries);
    }
    blocks_free(&s->index);
    blocks_free(&s->entries);
    free(s->taken);
    *s = (struct seen){0};
}

/* ---- entries ---- */

static struct hash128 key_at(const char *entry) {
    struct hash128 key;
    memcpy(&key, entry, sizeof key);
    return key;
}

static int64_t time_at(const char *entry) {
    int64_t time;
    memcpy(&time, entry + sizeof(struct hash128), sizeof time);
    return time;
}

static const char *entry_at(const struct seen *s, const struct seen_segment *g, uint32_t i) {
    return g->entries[i / s->per_block] + i % s->per_block * s->entry_bytes;
}

/* A list of blocks doubles whenever its length is a power of two, so that it needs no capacity. */
static char **add_block(struct blocks *of, char **list, uint32_t n) {
    if ((n & (n - 1)) == 0) list = mem_grow(list, n ? 2 * n : 1, sizeof *list);
    list[n] = blocks_take(of);
    return list;
}

static void append(struct seen *s, struct seen_segment *g, struct hash128 key, int64_t time) {
    if (!g->left) {
        g->entries = add_block(&s->entries, g->entries, g->blocks);
        g->end = g->entries[g->blocks++];
        g->left = s->per_block;
    }
    memcpy(g->end, &key, sizeof key);
    if (s->timed) memcpy(g->end + sizeof key, &time, sizeof time);
    g->end += s->entry_bytes;
    g->left--;
    g->used++;
    s->n++;
}

/* The processor does not see by itself that one block comes behind another. */
static void prefetch_block(const char *block) {
    for (int at = 0; at < ENTRY_BLOCK; at += LINE_BYTES) __builtin_prefetch(block + at);
}

/* Drops what is forgotten; the rest keeps its order. */
static void purge(struct seen *s, struct seen_segment *g, int64_t forgotten) {
    uint32_t kept = 0, blocks = g->blocks, used = g->used;
    g->left = g->blocks = 0;
    for (uint32_t i = 0, block = 0; i < used; block++) {
        const char *entry = g->entries[block];
        if (block + 2 < blocks) prefetch_block(g->entries[block + 2]);
        for (uint32_t k = 0; k < s->per_block && i < used; k++, i++, entry += s->entry_bytes) {
            if (time_at(entry) <= forgotten) continue;
            if (!g->left) g->end = g->entries[g->blocks++], g->left = s->per_block;
            memmove(g->end, entry, s->entry_bytes);
            g->end += s->entry_bytes;
            g->left--;
            kept++;
        }
    }
    while (blocks > g->blocks) blocks_give(&s->entries, g->entries[--blocks]);
    s->n -= used - kept;
    g->used = kept;
}

/* ---- the index ---- */

static size_t segment_of(struct hash128 key) { return key.high >> (64 - SEEN_SEGMENT_BITS); }

/* By the bits below those of the segment, as a share of the lines. */
static uint32_t home(const struct seen_segment *g, struct hash128 key) {
    uint64_t rest = key.high << SEEN_SEGMENT_BITS >> 32;
    return (uint32_t)(rest * g->lines >> 32);
}

static uint32_t tag(struct hash128 key) { return (uint32_t)key.low & ~NUMBERS; }

static uint32_t *line_at(const struct seen_segment *g, uint32_t line) {
    return (uint32_t *)(void *)(g->index[line / LINES] + line % LINES * LINE_BYTES);
}

static uint32_t behind(const struct seen_segment *g, uint32_t line) {
    return line + 1 == g->lines ? 0 : line + 1;
}

static uint32_t index_blocks(uint32_t lines) { return (lines + LINES - 1) / LINES; }

static void lengthen(struct seen *s, struct seen_segment *g) {
    uint32_t lines = g->lines ? g->lines + g->lines / 4 + 1 : FIRST_LINES;
    for (uint32_t n = index_blocks(g->lines); n < index_blocks(lines); n++)
        g->index = add_block(&s->index, g->index, n);
    g->lines = lines;
    g->limit = lines * FULL;
    if (g->limit > NUMBERS) mem_exhausted(SIZE_MAX);
}

static void index_entry(struct seen *s, struct seen_segment *g, struct hash128 key, uint32_t i) {
    uint32_t line = home(g, key);
    while (s->taken[line] == SLOTS) line = behind(g, line);
    line_at(g, line)[s->taken[line]++] = tag(key) | (i + 1);
}

static void fill(struct seen *s, struct seen_segment *g) {
    if (g->lines > s->taken_cap)
        s->taken = mem_grow(s->taken, s->taken_cap = g->lines + g->lines / 2, 1);
    memset(s->taken, 0, g->lines);
    for (uint32_t n = 0; n < index_blocks(g->lines); n++) memset(g->index[n], 0, INDEX_BLOCK);
    for (uint32_t i = 0, block = 0; i < g->used; block++) {
        const char *entry = g->entries[block];
        if (block + 2 < g->blocks) prefetch_block(g->entries[block + 2]);
        for (uint32_t k = 0; k < s->per_block && i < g->used; k++, i++, entry += s->entry_bytes)
            index_entry(s, g, key_at(entry), i);
    }
}

/* Where forgetting gives hardly any room, the next time would come soon. */
static void make_room(struct seen *s, struct seen_segment *g, int64_t forgotten) {
    if (s->timed && forgotten != INT64_MIN) purge(s, g, forgotten);
    if (g->used + g->used / 16 >= g->limit) lengthen(s, g);
    fill(s, g);
}

/* ---- the set ---- */

void seen_prefetch(const struct seen *s, struct hash128 key) {
    const struct seen_segment *g = &s->segments[segment_of(key)];
    if (g->lines) __builtin_prefetch(line_at(g, home(g, key)), 1);
}

/* How many slots are taken, and may one of them be the key's? */
static uint32_t look(const uint32_t *line, uint32_t bits, bool *maybe) {
    const four *v = (const void *)line;
    four mask = {~NUMBERS, ~NUMBERS, ~NUMBERS, ~NUMBERS}, key = {bits, bits, bits, bits};
    four same = (four)((v[0] & mask) == key) | (four)((v[1] & mask) == key) |
                (four)((v[2] & mask) == key) | (four)((v[3] & mask) == key);
    four taken = (four)(v[0] != 0) + (four)(v[1] != 0) + (four)(v[2] != 0) + (four)(v[3] != 0);
    *maybe = (same[0] | same[1] | same[2] | same[3]) != 0;
    return -(taken[0] + taken[1] + taken[2] + taken[3]);
}

/* Is one of the line's entries of this key, and counts? */
static bool is_in(const struct seen *s, const struct seen_segment *g, const uint32_t *line,
    struct hash128 key, int64_t time, int64_t within, int64_t forgotten) {
    for (int i = 0; i < SLOTS && line[i]; i++) {
        if ((line[i] & ~NUMBERS) != tag(key)) continue;
        const char *entry = entry_at(s, g, (line[i] & NUMBERS) - 1);
        struct hash128 other = key_at(entry);
        if (other.high != key.high || other.low != key.low) continue;
        if (!s->timed) return true;
        int64_t first = time_at(entry);
        if (first > forgotten && time_is_near(first, time, within)) return true;
    }
    return false;
}

bool seen_before(
    struct seen *s, const struct hash128 *of, int64_t time, int64_t within, int64_t forgotten) {
    struct hash128 key = *of;
    struct seen_segment *g = &s->segments[segment_of(key)];
    if (g->used == g->limit) make_room(s, g, forgotten);
    uint32_t at = home(g, key), *line, taken;
    for (;; at = behind(g, at)) {
        bool maybe;
        line = line_at(g, at);
        taken = look(line, tag(key), &maybe);
        if (maybe && is_in(s, g, line, key, time, within, forgotten)) return true;
        if (taken < SLOTS) break;
    }
    line[taken] = tag(key) | (g->used + 1);
    append(s, g, key, time);
    return false;
}

static size_t list_bytes(uint32_t n) {
    size_t cap = n != 0;
    while (cap < n) cap *= 2;
    return cap * sizeof(char *);
}

size_t seen_bytes(const struct seen *s) {
    size_t bytes = sizeof *s + blocks_bytes(&s->index) + blocks_bytes(&s->entries) + s->taken_cap;
    for (size_t i = 0; i < SEEN_SEGMENTS; i++)
        bytes += list_bytes(s->segments[i].blocks) + list_bytes(index_blocks(s->segments[i].lines));
    return bytes;
}
