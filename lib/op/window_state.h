/* What window.c, where events come in, and window_fire.c, where rows come out, share. */
#ifndef EV_OP_WINDOW_STATE_H
#define EV_OP_WINDOW_STATE_H

#include "op/keys.h"
#include "op/panes.h"
#include "op/window.h"

/* How often the keys that late events have touched came out, of one window that is out. */
struct touched {
    int64_t end;
    struct table versions; /* uint64_t */
};

/* Windows come out at their end, and with corrections once more at end + allowed: a cursor for
 * each. Of hopping windows a cursor keeps the total of the panes of the window that it is at, to
 * which panes are added and from which they are taken: merging all panes for each window would cost
 * size/slide times as much. */
struct cursor {
    int64_t delay;      /* a window comes out at end + delay */
    int64_t passed;     /* windows up to this end are done */
    struct table total; /* a group, then the count of panes that hold the key */
};
enum { ON_TIME, FINAL };

/* The window that is coming out. */
struct firing {
    struct cursor *cursor; /* NULL when none */
    int64_t start, end;
    const struct table *groups;
    uint32_t serial;         /* of the only pane, 0 when there are several */
    uint32_t at;             /* the next key of the order, or the next of `sorted` */
    struct key_item *sorted; /* groups by key, or NULL: walk the dictionary's order */
};

/* Rows of one key that a late event caused, of the windows that end at `end` to `last`; none when
 * end > last. */
struct corrections {
    uint32_t key;
    bool under_way; /* the scratch group is that of the window before */
    int64_t start, end, last;
};

/* Events wait until there are many, since finding a key's group misses the cache two or three
 * times: all are asked for before the first is used. Those that wait lie in panes that the
 * watermark has not passed: rows, corrections and totals have no use for them yet. */
enum { WAITING = 32, WAITING_KEY = 44, WAITING_INPUTS = 4 };
struct waiting {
    struct pane *pane;
    uint64_t hash;
    uint32_t group; /* in the pane */
    uint32_t key_n;
    char key[WAITING_KEY];
    struct aggregate_input in[WAITING_INPUTS];
};

struct windows {
    struct window_spec spec;
    int64_t panes_each; /* size / slide */
    struct aggregates *aggregates;
    size_t layout;
    struct keys keys;
    struct panes panes;
    struct {
        int64_t start, end, last_end;
        struct pane *pane; /* NULL: none yet */
    } at;                  /* where the last event went */
    uint32_t serials;
    struct cursor cursors[2];
    int n_cursors;
    struct firing firing;
    struct corrections corrections;
    struct touched *touched; /* by end */
    size_t n_touched, touched_cap;
    bool tracks; /* changed groups and versions are marked */
    int64_t forgotten[WINDOW_TABLES];
    int64_t due;           /* no row is due before this watermark */
    void *scratch;         /* a group */
    size_t waiting_inputs; /* of an event; 0: none may wait */
    uint32_t n_waiting;
    struct waiting waiting[WAITING];
};

static inline int64_t window_step(const struct windows *w, int64_t boundary, int64_t slides) {
    return period_step(&w->spec.slide, w->spec.zone, w->spec.offset, boundary, slides);
}

static inline int64_t window_boundary(const struct windows *w, int64_t time) {
    return period_floor(&w->spec.slide, w->spec.zone, w->spec.offset, time);
}

/* ---- window.c ---- */

/* The pane of an event of this time, in w->at; a new one where there is none. */
struct pane *windows_pane(struct windows *w, int64_t time);
/* The key's group in the pane; it is held by the pane from then on. */
uint32_t windows_group(struct windows *w, struct pane *p, uint32_t number, bool *is_new);

/* Adds what waits; before windows fire. */
void windows_settle(struct windows *w);

/* ---- window_fire.c ---- */

/* The end of the first window that a cursor has yet to bring out: TIME_END when no events are in
 * one. */
int64_t windows_next_end(const struct windows *w, const struct cursor *c);
/* The versions of the window that ends there; a new table where there is none. */
struct touched *windows_touch(struct windows *w, int64_t end);
/* All rows that are due at W have been taken. */
void windows_pass(struct windows *w, int64_t watermark);
/* An event has been added to a pane that is in a cursor's total. */
void windows_total_add(struct windows *w, int cursor, uint32_t key, bool new_in_pane,
    const struct aggregate_input *in, int64_t time, struct slice text);
/* The event's key comes out again in each window that is out and still accepts it, from the one
 * that ends at `end`. To be called before the event is added. */
void windows_plan_corrections(struct windows *w, int64_t watermark, int64_t end, uint32_t key);

#endif
