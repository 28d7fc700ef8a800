/* Memory in blocks of one size, taken and given back: nothing is ever moved, and nothing is lost between
 * blocks of unlike sizes. They lie in slabs of 2 MB, which the system is asked to lay on large pages: reaching
 * for a place in some hundred MB would else miss in the table of pages, too, which costs as much again. */
#ifndef EV_OP_BLOCKS_H
#define EV_OP_BLOCKS_H

#include <stddef.h>

struct blocks {
    size_t size; /* of a block, and what it is aligned to: a power of two */
    char **slabs;
    size_t n_slabs;
    size_t next; /* of the last slab: the byte behind those that were taken at some time */
    char *free;  /* given back, each naming the next; NULL: none */
};

void *blocks_take(struct blocks *b);
void blocks_give(struct blocks *b, void *block);
size_t blocks_bytes(const struct blocks *b); /* of all slabs */
void blocks_free(struct blocks *b);

#endif
