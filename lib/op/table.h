/* From a key's number to a small fixed-size group: one open-addressing index of numbers of groups,
 * and the groups in the order in which they came, in pages, so that growing never copies many of
 * them. A group costs its size + 4 bytes, and 6 to 8 for the index. */
#ifndef EV_OP_TABLE_H
#define EV_OP_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { TABLE_PAGE_BITS = 10, TABLE_PAGE = 1 << TABLE_PAGE_BITS };
#define TABLE_NONE UINT32_MAX

struct table {
    size_t size;       /* of a group; a multiple of 8 */
    uint32_t n;        /* groups */
    uint32_t capacity; /* of the index */
    uint32_t *index;   /* group + 1, or 0 */
    uint32_t room;     /* groups that the pages hold: less than TABLE_PAGE while there is one */
    char **pages;      /* each: groups, then their keys */
    uint32_t pages_cap;
    uint64_t *marks; /* a bit a group, or NULL: none is marked */
    uint32_t marks_cap;
};

static inline uint32_t table_page_room(const struct table *t) {
    return t->room < TABLE_PAGE ? t->room : TABLE_PAGE;
}

static inline void *table_group(const struct table *t, uint32_t group) {
    return t->pages[group >> TABLE_PAGE_BITS] + (group & (TABLE_PAGE - 1)) * t->size;
}

static inline uint32_t *table_key(const struct table *t, uint32_t group) {
    char *keys = t->pages[group >> TABLE_PAGE_BITS] + table_page_room(t) * t->size;
    return (uint32_t *)keys + (group & (TABLE_PAGE - 1));
}

uint32_t table_find(const struct table *t, uint32_t key); /* TABLE_NONE when absent */
uint32_t table_add(struct table *t, uint32_t key);        /* key is absent; the group is zeroed */
uint32_t table_put(struct table *t, uint32_t key);        /* finds or adds */
/* The last group takes the place of the removed one. */
void table_remove(struct table *t, uint32_t group);
/* Marks are for whoever wants to know what has changed; a table with marks has no group removed. */
void table_grow_marks(struct table *t);
static inline void table_mark(struct table *t, uint32_t group) {
    if (__builtin_expect(group >> 6 >= t->marks_cap, 0)) table_grow_marks(t);
    t->marks[group >> 6] |= UINT64_C(1) << (group & 63);
}
/* The first marked group at or behind `group`, whose mark is taken away; TABLE_NONE. */
uint32_t table_take_mark(struct table *t, uint32_t group);
size_t table_bytes(const struct table *t);
void table_free(struct table *t);

#endif
