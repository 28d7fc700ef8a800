#include "op/panes.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

size_t panes_after(const struct panes *p, int64_t time) {
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (panes_at(p, middle)->end <= time) low = middle + 1;
        else high = middle;
    }
    return low;
}

size_t panes_with_window_after(const struct panes *p, int64_t time) {
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (panes_at(p, middle)->last_end <= time) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Room for one more: at the front where half is free there, else in a larger list. */
static void make_room(struct panes *p) {
    if (p->first > p->cap / 2) {
        memmove(p->list, p->list + p->first, p->n * sizeof *p->list);
        p->first = 0;
    } else {
        p->cap = p->cap ? 2 * p->cap : 8;
        p->list = mem_grow(p->list, p->cap, sizeof *p->list);
    }
}

void panes_insert(struct panes *p, struct pane *pane) {
    if (p->first + p->n == p->cap) make_room(p);
    size_t i = panes_after(p, pane->start);
    struct pane **place = p->list + p->first + i;
    memmove(place + 1, place, (p->n - i) * sizeof *place);
    *place = pane;
    p->n++;
}

static void pane_free(struct pane *pane) {
    table_free(&pane->groups);
    free(pane);
}

void panes_drop_first(struct panes *p) {
    pane_free(p->list[p->first++]);
    p->n--;
}

void panes_free(struct panes *p) {
    while (p->n) panes_drop_first(p);
    free(p->list);
    *p = (struct panes){0};
}
