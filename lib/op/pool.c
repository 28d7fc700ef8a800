#include "op/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void add_page(struct pool *p) {
    uint32_t page = p->used >> POOL_PAGE_BITS;
    if (page == p->pages_cap) {
        p->pages_cap = p->pages_cap ? 2 * p->pages_cap : 4;
        p->pages = mem_grow(p->pages, p->pages_cap, sizeof *p->pages);
    }
    p->pages[page] = mem_zero(POOL_PAGE, p->size);
}

uint32_t pool_take(struct pool *p) {
    uint32_t number = p->free;
    if (number) {
        memcpy(&p->free, pool_at(p, number), sizeof p->free);
        memset(pool_at(p, number), 0, p->size);
        return number;
    }
    if (p->used == UINT32_MAX) mem_exhausted(SIZE_MAX);
    if ((p->used & (POOL_PAGE - 1)) == 0) add_page(p);
    return ++p->used;
}

void pool_give(struct pool *p, uint32_t number) {
    char *record = pool_at(p, number);
    memset(record, 0, p->size);
    memcpy(record, &p->free, sizeof p->free);
    p->free = number;
}

static uint32_t pages_used(const struct pool *p) {
    return (uint32_t)(((uint64_t)p->used + POOL_PAGE - 1) >> POOL_PAGE_BITS);
}

size_t pool_bytes(const struct pool *p) {
    return pages_used(p) * (POOL_PAGE * p->size) + p->pages_cap * sizeof *p->pages;
}

void pool_free(struct pool *p) {
    for (uint32_t i = 0; i < pages_used(p); i++) free(p->pages[i]);
    free(p->pages);
    *p = (struct pool){.size = p->size};
}
