#include "op/due.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int due_compare(const struct due_item *a, const struct due_item *b) {
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return slice_cmp(a->key, b->key);
}

void due_free(struct due *d) {
    free(d->queue);
    free(d->heap);
    *d = (struct due){0};
}

/* ---- the queue ---- */

static bool has_queue(const struct due *d) { return d->head < d->end; }

/* Where half of it is behind the head it is moved to the front, else it grows. */
static void make_room(struct due *d) {
    if (d->head && d->head >= d->end - d->head) {
        memmove(d->queue, d->queue + d->head, (d->end - d->head) * sizeof *d->queue);
        d->end -= d->head;
        d->head = 0;
    } else {
        d->queue_cap = d->queue_cap ? 2 * d->queue_cap : 64;
        d->queue = mem_grow(d->queue, d->queue_cap, sizeof *d->queue);
    }
}

/* ---- the heap ---- */

static void sift_up(struct due_item *heap, size_t at) {
    struct due_item item = heap[at];
    while (at) {
        size_t above = (at - 1) / 2;
        if (due_compare(&heap[above], &item) <= 0) break;
        heap[at] = heap[above];
        at = above;
    }
    heap[at] = item;
}

static void sift_down(struct due_item *heap, size_t n, struct due_item item) {
    size_t at = 0;
    for (;;) {
        size_t below = 2 * at + 1;
        if (below >= n) break;
        if (below + 1 < n && due_compare(&heap[below + 1], &heap[below]) < 0) below++;
        if (due_compare(&item, &heap[below]) <= 0) break;
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = item;
}

/* ---- both ---- */

void due_put(struct due *d, const struct due_item *item) {
    if (!has_queue(d) || due_compare(&d->queue[d->end - 1], item) < 0) {
        if (d->end == d->queue_cap) make_room(d);
        d->queue[d->end++] = *item;
        return;
    }
    if (d->n == d->heap_cap) {
        d->heap_cap = d->heap_cap ? 2 * d->heap_cap : 64;
        d->heap = mem_grow(d->heap, d->heap_cap, sizeof *d->heap);
    }
    d->heap[d->n++] = *item;
    sift_up(d->heap, d->n - 1);
}

const struct due_item *due_first(const struct due *d) {
    const struct due_item *first = has_queue(d) ? &d->queue[d->head] : NULL;
    if (!d->n) return first;
    return first && due_compare(first, d->heap) < 0 ? first : d->heap;
}

void due_drop_first(struct due *d) {
    if (!d->n || due_first(d) != d->heap) d->head++;
    else if (--d->n) sift_down(d->heap, d->n, d->heap[d->n]);
    if (!has_queue(d)) d->head = d->end = 0;
}

size_t due_bytes(const struct due *d) {
    return (d->queue_cap + d->heap_cap) * sizeof(struct due_item);
}
