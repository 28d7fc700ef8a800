/* Keys that were seen, each with the time of the event that was first, until they are forgotten.
 *
 * A key stands for itself by 128 bits of its hash. The entries lie in segments by the top bits of the hash,
 * each sorted by it (linear probing in hash order: Amble and Knuth, 1974): a search looks at some three
 * neighbours even where five slots of six are taken, and a segment grows by copying it straight on, an eighth
 * at a time. So a key takes 28 to 32 bytes, and nothing ever stops for all of them. What is forgotten lies there
 * until its segment is full: then a key that is not takes some 34. */
#ifndef EV_OP_SEEN_H
#define EV_OP_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct seen_entry {
    struct hash128 key; /* {0, 0}: the slot is free */
    int64_t first;      /* µs */
};

struct seen_segment {
    struct seen_entry *slots; /* capacity, and some behind for those that are pushed over the end */
    uint32_t capacity, used, size;
};

enum { SEEN_SEGMENT_BITS = 10, SEEN_SEGMENTS = 1 << SEEN_SEGMENT_BITS };

struct seen {
    struct seen_segment segments[SEEN_SEGMENTS];
    size_t n;
};

void seen_init(struct seen *s);
void seen_free(struct seen *s);

/* To be called for a key some events before seen_before(): the slots come into the cache. */
void seen_prefetch(const struct seen *s, struct hash128 key);

/* Is there an entry of this key whose time lies less than `within` from this one and is not forgotten
 * (first > forgotten)? Else adds one. A key may have several, each `within` from the others. within INT64_MAX: there
 * is one for each key. What is forgotten gives way before a segment grows. */
bool seen_before(
    struct seen *s, struct hash128 key, int64_t time, int64_t within, int64_t forgotten);

/* An entry of an earlier run. */
void seen_add(struct seen *s, struct hash128 key, int64_t first);

size_t seen_bytes(const struct seen *s);

#endif
