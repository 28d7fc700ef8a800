/* Keys that were seen, each with the time of the event that was first, until they are forgotten.
 *
 * A key stands for itself by 128 bits of its hash. The top bits choose a segment. A segment keeps its keys in the
 * order in which they came, one behind the other, and an index of lines of 16 slots: a slot holds where a key
 * lies and a few bits of it, a key's line is chosen by more of its bits, and one that is full runs over into the
 * next. So a key that was not there costs one line of the cache, and one to write what is close by the last that
 * was written. When five slots of six are taken the segment forgets what it may, or makes the index a fourth
 * longer, and fills it anew: nothing ever stops for all segments.
 *
 * Of a million keys and more each takes 31 bytes, and without times 22. What is forgotten lies there until its
 * segment's index is full: then a key that is not forgotten takes some 35. More than 10^9 keys count as memory
 * that cannot be had. */
#ifndef EV_OP_SEEN_H
#define EV_OP_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "op/blocks.h"

struct seen_segment {
    char **index;    /* blocks of lines */
    char **entries;  /* blocks of keys, or of keys and times */
    char *end;       /* where the next entry goes */
    uint32_t left;   /* how many more fit in there */
    uint32_t used;   /* entries */
    uint32_t limit;  /* of them, for so many lines */
    uint32_t lines;  /* of the index */
    uint32_t blocks; /* of entries */
};

enum { SEEN_SEGMENT_BITS = 8, SEEN_SEGMENTS = 1 << SEEN_SEGMENT_BITS };

struct seen {
    struct seen_segment segments[SEEN_SEGMENTS];
    struct blocks index, entries;
    bool timed;
    uint32_t entry_bytes, per_block;
    unsigned char *taken; /* slots of each line of the segment that is being filled */
    uint32_t taken_cap;
    size_t n;
};

/* timed: each entry has its time; else there is one of each key, for good. */
void seen_init(struct seen *s, bool timed);
void seen_free(struct seen *s);

/* To be called for a key some events before seen_before(): its line comes into the cache. */
void seen_prefetch(const struct seen *s, struct hash128 key);

/* Is there an entry of this key, and (timed) its time less than `within` from this one and not forgotten
 * (first > forgotten)? Else adds one. A key may have several, each `within` from the others. What is forgotten
 * gives way before a segment grows. */
bool seen_before(
    struct seen *s, const struct hash128 *key, int64_t time, int64_t within, int64_t forgotten);

size_t seen_bytes(const struct seen *s);

#endif
