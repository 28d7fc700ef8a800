/* Records of one size, named by a number: what an accumulator of 8 bytes keeps aside. Numbers count
 * from 1 and are reused; a record keeps its address. A record begins with a uint32_t that belongs
 * to the pool. */
#ifndef EV_OP_POOL_H
#define EV_OP_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { POOL_PAGE_BITS = 8, POOL_PAGE = 1 << POOL_PAGE_BITS };

struct pool {
    size_t size; /* of a record; a multiple of 8 */
    char **pages;
    uint32_t pages_cap;
    uint32_t used; /* numbers 1..used have been taken at some time */
    uint32_t free; /* the first of the free ones, 0 for none */
};

static inline void *pool_at(const struct pool *p, uint32_t number) {
    uint32_t i = number - 1;
    return p->pages[i >> POOL_PAGE_BITS] + (i & (POOL_PAGE - 1)) * p->size;
}

uint32_t pool_take(struct pool *p); /* zeroed */
void pool_give(struct pool *p, uint32_t number);
size_t pool_bytes(const struct pool *p);
void pool_free(struct pool *p); /* the pages; what the records own is the caller's */

#endif
