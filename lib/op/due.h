/* What comes out in order: a queue for what comes in order already, and a heap for the rest. */
#ifndef EV_OP_DUE_H
#define EV_OP_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* By `at`, then by the bytes of the key; no two are the same. What it is of is the owner's. */
struct due_item {
    int64_t at;
    struct slice key; /* lives as long as the item is in here */
    void *of;
};

/* Starts as {0}. */
struct due {
    struct due_item *queue; /* in order, from head */
    size_t head, end, queue_cap;
    struct due_item *heap;
    size_t n, heap_cap;
};

void due_free(struct due *d);
void due_put(struct due *d, const struct due_item *item);
/* The one that is first, or NULL; until the next change. */
const struct due_item *due_first(const struct due *d);
/* Takes that one out. */
void due_drop_first(struct due *d);
size_t due_bytes(const struct due *d);

int due_compare(const struct due_item *a, const struct due_item *b);

#endif
