#include "op/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { SMALLEST = 8 };

static uint32_t home_of(const struct table *t, uint32_t key) {
    return (uint32_t)((uint64_t)(key * UINT32_C(2654435769)) * t->capacity >> 32);
}

static uint32_t after(const struct table *t, uint32_t slot) {
    return slot + 1 == t->capacity ? 0 : slot + 1;
}

uint32_t table_find(const struct table *t, uint32_t key) {
    if (!t->capacity) return TABLE_NONE;
    for (uint32_t slot = home_of(t, key); t->index[slot]; slot = after(t, slot))
        if (*table_key(t, t->index[slot] - 1) == key) return t->index[slot] - 1;
    return TABLE_NONE;
}

static void index_add(struct table *t, uint32_t key, uint32_t group) {
    uint32_t slot = home_of(t, key);
    while (t->index[slot]) slot = after(t, slot);
    t->index[slot] = group + 1;
}

/* The index is at most 3/4 full. */
static void grow_index(struct table *t) {
    if (t->capacity > UINT32_MAX / 2) mem_exhausted(SIZE_MAX);
    t->capacity = t->capacity ? t->capacity + t->capacity / 2 : SMALLEST;
    free(t->index);
    t->index = mem_zero(t->capacity, sizeof *t->index);
    for (uint32_t g = 0; g < t->n; g++) index_add(t, *table_key(t, g), g);
}

static size_t page_bytes(const struct table *t) {
    return table_page_room(t) * (t->size + sizeof(uint32_t));
}

static void grow_first_page(struct table *t) {
    struct table old = *t;
    t->room = old.room ? 2 * old.room : SMALLEST;
    char *page = mem_alloc(page_bytes(t));
    if (old.room) {
        memcpy(page, old.pages[0], old.room * t->size);
        memcpy(page + t->room * t->size, table_key(&old, 0), old.room * sizeof(uint32_t));
        free(old.pages[0]);
    }
    t->pages[0] = page;
}

static uint32_t pages_used(const struct table *t) {
    return (t->room + TABLE_PAGE - 1) >> TABLE_PAGE_BITS;
}

static void grow_pages(struct table *t) {
    uint32_t page = t->room >> TABLE_PAGE_BITS;
    if (page == t->pages_cap) {
        t->pages_cap = t->pages_cap ? 2 * t->pages_cap : 1;
        t->pages = mem_grow(t->pages, t->pages_cap, sizeof *t->pages);
    }
    if (page == 0) {
        grow_first_page(t);
        return;
    }
    t->room += TABLE_PAGE;
    t->pages[page] = mem_alloc(page_bytes(t));
}

uint32_t table_add(struct table *t, uint32_t key) {
    if (t->n + (uint64_t)1 > (uint64_t)t->capacity * 3 / 4) grow_index(t);
    if (t->n == t->room) grow_pages(t);
    uint32_t group = t->n++;
    memset(table_group(t, group), 0, t->size);
    *table_key(t, group) = key;
    index_add(t, key, group);
    return group;
}

uint32_t table_put(struct table *t, uint32_t key) {
    uint32_t group = table_find(t, key);
    return group == TABLE_NONE ? table_add(t, key) : group;
}

static uint32_t slot_of(const struct table *t, uint32_t group) {
    uint32_t slot = home_of(t, *table_key(t, group));
    while (t->index[slot] != group + 1) slot = after(t, slot);
    return slot;
}

/* Closes the gap: an entry behind it moves up unless its home lies behind the gap. */
static void index_remove(struct table *t, uint32_t gap) {
    for (uint32_t slot = after(t, gap); t->index[slot]; slot = after(t, slot)) {
        uint32_t home = home_of(t, *table_key(t, t->index[slot] - 1));
        bool stays = gap <= slot ? gap < home && home <= slot : gap < home || home <= slot;
        if (stays) continue;
        t->index[gap] = t->index[slot];
        gap = slot;
    }
    t->index[gap] = 0;
}

void table_remove(struct table *t, uint32_t group) {
    uint32_t last = t->n - 1;
    index_remove(t, slot_of(t, group));
    if (group != last) {
        t->index[slot_of(t, last)] = group + 1;
        memcpy(table_group(t, group), table_group(t, last), t->size);
        *table_key(t, group) = *table_key(t, last);
    }
    t->n--;
}

void table_grow_marks(struct table *t) {
    uint32_t cap = (t->n >> 6) + (t->n >> 7) + 4;
    t->marks = mem_grow(t->marks, cap, sizeof *t->marks);
    memset(t->marks + t->marks_cap, 0, (cap - t->marks_cap) * sizeof *t->marks);
    t->marks_cap = cap;
}

uint32_t table_take_mark(struct table *t, uint32_t group) {
    for (uint32_t i = group >> 6; i < t->marks_cap; i++) {
        uint64_t word = t->marks[i];
        if (i == group >> 6) word &= UINT64_MAX << (group & 63);
        if (!word) continue;
        uint32_t bit = (uint32_t)__builtin_ctzll(word);
        t->marks[i] &= ~(UINT64_C(1) << bit);
        return (i << 6) + bit;
    }
    return TABLE_NONE;
}

size_t table_bytes(const struct table *t) {
    return (size_t)t->capacity * sizeof *t->index + t->marks_cap * sizeof *t->marks +
           t->pages_cap * sizeof *t->pages + t->room * (t->size + sizeof(uint32_t));
}

void table_free(struct table *t) {
    for (uint32_t i = 0; i < pages_used(t); i++) free(t->pages[i]);
    free(t->pages);
    free(t->index);
    free(t->marks);
    *t = (struct table){.size = t->size};
}
