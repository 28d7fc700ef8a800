#include "op/blocks.h"

#include <stdlib.h>

#include "base/buf.h"

enum { SLAB_BYTES = 2 << 20 };

/* The first one is laid on as many small pages as it needs: most states are small. */
static void add_slab(struct blocks *b) {
    if ((b->n_slabs & (b->n_slabs - 1)) == 0)
        b->slabs = mem_grow(b->slabs, b->n_slabs ? 2 * b->n_slabs : 1, sizeof *b->slabs);
    b->slabs[b->n_slabs] = mem_pages(SLAB_BYTES, b->n_slabs > 0);
    b->n_slabs++;
    b->next = 0;
}

void *blocks_take(struct blocks *b) {
    char *block = b->free;
    if (block) {
        memcpy(&b->free, block, sizeof b->free);
        return block;
    }
    if (!b->n_slabs || b->next == SLAB_BYTES) add_slab(b);
    block = b->slabs[b->n_slabs - 1] + b->next;
    b->next += b->size;
    return block;
}

void blocks_give(struct blocks *b, void *block) {
    memcpy(block, &b->free, sizeof b->free);
    b->free = block;
}

size_t blocks_bytes(const struct blocks *b) {
    return b->n_slabs ? (b->n_slabs - 1) * SLAB_BYTES + b->next : 0;
}

void blocks_free(struct blocks *b) {
    for (size_t i = 0; i < b->n_slabs; i++) free(b->slabs[i]);
    free(b->slabs);
    *b = (struct blocks){.size = b->size};
}
