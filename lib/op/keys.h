/* The dictionary of group keys: each key has a number as long as it is held by something that is
 * live, and a place in one standing order of all keys, into which new ones are merged when the
 * order is wanted.
 *
 * A key that nothing holds any more is kept for a while, since it is likely to come again in the
 * next window; once such keys outnumber the others (and KEYS_IDLE) they go, and their memory is
 * used again. A key costs its bytes, 16 of struct key, 4 of the order and some 13 of the index. No
 * key may be a prefix of another. */
#ifndef EV_OP_KEYS_H
#define EV_OP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { KEYS_IDLE = 1 << 17 };

struct key {
    uint32_t holders;
    uint32_t pane, group; /* the owner's: where the key was used last; zeroed in a new key */
    uint32_t n;
    char bytes[]; /* or, of long keys, a pointer to them */
};
enum { KEY_BYTES_MAX = 1000 };

/* Memory of keys is counted in units of 4 bytes; a key's number is where it lies. */
enum { KEYS_PAGE_BITS = 14, KEYS_PAGE = 1 << KEYS_PAGE_BITS };
enum { KEY_UNITS_MAX = (sizeof(struct key) + KEY_BYTES_MAX) / sizeof(uint32_t) };

struct keys {
    uint64_t seed;
    uint64_t
        *slots; /* upper half of the hash, number; 0 is free; ordered by hash but for collisions */
    size_t capacity;
    uint32_t **pages;
    uint32_t n_pages;
    uint32_t pages_cap;
    uint32_t fill;                     /* units used of the last page */
    uint32_t spare[KEY_UNITS_MAX + 1]; /* by size in units: freed ones, linked by `group` */
    uint32_t *order; /* all keys: the first `ordered` of them in order, the others as they came */
    uint32_t n, ordered;
    size_t order_cap;
    uint32_t idle;     /* keys that nothing holds */
    size_t long_bytes; /* of the long keys */
};

void keys_init(struct keys *k, uint64_t seed);
void keys_free(struct keys *k);

static inline struct key *keys_at(const struct keys *k, uint32_t number) {
    return (struct key *)(k->pages[number >> KEYS_PAGE_BITS] + (number & (KEYS_PAGE - 1)));
}

static inline struct slice keys_bytes(const struct key *key) {
    const char *p = key->bytes;
    if (key->n > KEY_BYTES_MAX) memcpy(&p, key->bytes, sizeof p);
    return (struct slice){p, key->n};
}

uint64_t keys_hash(const struct keys *k, struct slice bytes);
/* Ask the memory for what keys_put() will look at: first where the key may lie, later the key
 * itself. */
void keys_expect(const struct keys *k, uint64_t hash);
void keys_expect_soon(const struct keys *k, uint64_t hash);
/* Finds or adds; never 0. May forget idle keys, so take hold of a number before the next call. */
uint32_t keys_put(struct keys *k, struct slice bytes, uint64_t hash);
uint32_t keys_find(const struct keys *k, struct slice bytes); /* 0 when absent */
static inline void keys_hold(struct keys *k, uint32_t number) {
    if (keys_at(k, number)->holders++ == 0) k->idle--;
}
static inline void keys_release(struct keys *k, uint32_t number) {
    if (--keys_at(k, number)->holders == 0) k->idle++;
}
void keys_forget_idle(struct keys *k); /* if there are many */

/* Makes k->order complete. */
void keys_order(struct keys *k);

struct key_item {
    uint64_t word; /* the sort's own */
    uint32_t key;
    uint32_t group;
};
/* Sorts a few by their bytes, without regard to the standing order. */
void keys_sort(const struct keys *k, struct key_item *items, size_t n);

size_t keys_memory(const struct keys *k);

#endif
