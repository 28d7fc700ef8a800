/* Slices of time, as long as the slide, in order. "Pane" is the literature's word; struct slice is
 * a run of bytes. */
#ifndef EV_OP_PANES_H
#define EV_OP_PANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "op/table.h"

struct pane {
    int64_t start, end;
    int64_t last_end; /* of the newest window over it, which begins where it begins */
    uint32_t serial;  /* no other pane has or had it; from 1 */
    bool in_total[2]; /* by cursor, op/window_state.h */
    struct table groups;
};

/* Starts as {0}. */
struct panes {
    struct pane **list;
    size_t n, first, cap;
};

static inline struct pane *panes_at(const struct panes *p, size_t i) {
    return p->list[p->first + i];
}
/* The first that ends after this time; the first that is in a window that does. p->n when there is
 * none. */
size_t panes_after(const struct panes *p, int64_t time);
size_t panes_with_window_after(const struct panes *p, int64_t time);
/* Panes mostly come at the end; one that comes elsewhere moves a pointer for each behind it. */
void panes_insert(struct panes *p, struct pane *pane);
void panes_drop_first(struct panes *p);
void panes_free(struct panes *p);

#endif
