#include "op/window.h"

#include <stdlib.h>

#include "base/buf.h"
#include "op/keys.h"
#include "op/table.h"

/* A slice of time, as long as the slide (the literature's word; struct slice is a run of bytes). */
struct pane {
    int64_t start, end;
    int64_t last_end; /* of the newest window over it, which begins where it begins */
    uint32_t serial;
    bool in_total[2]; /* by cursor */
    struct table groups;
};

/* How often the keys that late events have touched came out, of one window that is out. */
struct touched {
    int64_t end;
    struct table versions; /* uint64_t */
};

/* The windows come out at their end, and with corrections once more at end + allowed: a cursor for each. Of hopping
 * windows a cursor keeps the total of the panes of the window that it is at, to which panes are
 * added and from which they are taken, since merging all panes for each window costs size/slide times as much. */
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

/* Rows of one key that a late event caused, of the windows from `end` to `last`. */
struct corrections {
    uint32_t key;
    int64_t end, last;
};

struct windows {
    struct window_spec spec;
    int64_t panes_each; /* size / slide */
    struct aggregates *aggregates;
    size_t layout;
    struct keys keys;
    struct pane **panes; /* by start */
    size_t n_panes, first_pane, panes_cap;
    struct {
        int64_t start, end, last_end;
        struct pane *pane; /* NULL: none yet */
    } at;                  /* where the last event went */
    uint32_t serials;
    struct cursor cursors[2];
    int n_cursors;
    struct firing firing;
    struct corrections corrections; /* none when end > last */
    struct touched *touched;        /* by end */
    size_t n_touched, touched_cap;
    int64_t due;   /* no row is due before this watermark */
    void *scratch; /* a group */
};

static int64_t add_sat(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static int64_t step(const struct windows *w, int64_t boundary, int64_t slides) {
    return period_step(&w->spec.slide, w->spec.zone, w->spec.offset, boundary, slides);
}

static int64_t boundary_before(const struct windows *w, int64_t time) {
    return period_floor(&w->spec.slide, w->spec.zone, w->spec.offset, time);
}

struct windows *windows_new(
    const struct window_spec *spec, struct aggregates *aggregates, uint64_t hash_seed) {
    struct windows *w = mem_zero(1, sizeof *w);
    w->spec = *spec;
    w->panes_each = period_ratio(&spec->size, &spec->slide, spec->zone != NULL);
    w->aggregates = aggregates;
    w->layout = aggregates_layout(aggregates);
    w->n_cursors = spec->corrections ? 2 : 1;
    for (int i = 0; i < w->n_cursors; i++) {
        w->cursors[i].passed = TIME_NONE;
        w->cursors[i].total.size = w->layout + sizeof(uint64_t);
    }
    if (spec->corrections) w->cursors[FINAL].delay = spec->allowed_lateness;
    else w->spec.allowed_lateness = 0;
    w->corrections.last = -1;
    w->due = TIME_END;
    w->panes_cap = 8;
    w->panes = mem_grow(NULL, w->panes_cap, sizeof *w->panes);
    w->scratch = mem_zero(w->layout + 1, 1);
    keys_init(&w->keys, hash_seed);
    return w;
}

static void pane_free(struct pane *p) {
    table_free(&p->groups);
    free(p);
}

void windows_free(struct windows *w) {
    if (!w) return;
    for (size_t i = 0; i < w->n_panes; i++) pane_free(w->panes[w->first_pane + i]);
    for (size_t i = 0; i < w->n_touched; i++) table_free(&w->touched[i].versions);
    for (int i = 0; i < w->n_cursors; i++) table_free(&w->cursors[i].total);
    free(w->panes);
    free(w->touched);
    free(w->firing.sorted);
    free(w->scratch);
    keys_free(&w->keys);
    free(w);
}

/* ---- panes ---- */

static struct pane *pane_at(const struct windows *w, size_t i) {
    return w->panes[w->first_pane + i];
}

/* The first pane that ends after this time (by_window: that is in a window that ends after it). */
static size_t pane_after(const struct windows *w, int64_t time, bool by_window) {
    size_t low = 0, high = w->n_panes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pane *p = pane_at(w, middle);
        if ((by_window ? p->last_end : p->end) <= time) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Panes mostly come at the end; one that comes elsewhere moves a pointer for each behind it. */
static void pane_insert(struct windows *w, struct pane *p) {
    if (w->first_pane + w->n_panes == w->panes_cap) {
        memmove(w->panes, w->panes + w->first_pane, w->n_panes * sizeof *w->panes);
        w->first_pane = 0;
        if (w->n_panes >= w->panes_cap / 2) {
            w->panes_cap *= 2;
            w->panes = mem_grow(w->panes, w->panes_cap, sizeof *w->panes);
        }
    }
    size_t i = pane_after(w, p->start, false);
    struct pane **place = w->panes + w->first_pane + i;
    memmove(place + 1, place, (w->n_panes - i) * sizeof *place);
    *place = p;
    w->n_panes++;
}

static void find_pane(struct windows *w, int64_t time) {
    size_t i = pane_after(w, time, false);
    w->at.pane = i < w->n_panes && pane_at(w, i)->start <= time ? pane_at(w, i) : NULL;
    w->at.start = w->at.pane ? w->at.pane->start : boundary_before(w, time);
    w->at.end = w->at.pane ? w->at.pane->end : step(w, w->at.start, 1);
    w->at.last_end = w->at.pane ? w->at.pane->last_end : step(w, w->at.start, w->panes_each);
}

/* The end of the first window that a cursor has yet to bring out: TIME_END when no events are in one. */
static int64_t next_end(const struct windows *w, const struct cursor *c) {
    size_t i = pane_after(w, c->passed, true);
    if (i == w->n_panes) return TIME_END;
    int64_t end = pane_at(w, i)->end;
    return end > c->passed ? end : step(w, boundary_before(w, c->passed), 1);
}

static void set_due(struct windows *w) {
    w->due = TIME_END;
    for (int i = 0; i < w->n_cursors; i++) {
        int64_t moment = add_sat(next_end(w, &w->cursors[i]), w->cursors[i].delay);
        if (moment < w->due) w->due = moment;
    }
}

/* All rows that are due at W have been taken. */
static void pass(struct windows *w, int64_t watermark) {
    for (int i = 0; i < w->n_cursors; i++) {
        struct cursor *c = &w->cursors[i];
        int64_t end = watermark == TIME_NONE ? TIME_NONE : add_sat(watermark, -c->delay);
        if (end > c->passed) c->passed = end;
    }
}

static void pane_new(struct windows *w, int64_t watermark) {
    struct pane *p = mem_zero(1, sizeof *p);
    *p = (struct pane){
        .start = w->at.start,
        .end = w->at.end,
        .last_end = w->at.last_end,
        .serial = ++w->serials,
        .groups.size = w->layout,
    };
    w->at.pane = p;
    pane_insert(w, p);
    pass(w, watermark);
    set_due(w);
}

/* A pane that no window needs any more. */
static void pane_drop_first(struct windows *w) {
    struct pane *p = pane_at(w, 0);
    bool aside = aggregates_aside(w->aggregates) > 0;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        keys_release(&w->keys, *table_key(&p->groups, g));
        if (aside) aggregates_clear(w->aggregates, table_group(&p->groups, g));
    }
    if (w->at.pane == p) w->at.pane = NULL;
    w->first_pane++;
    w->n_panes--;
    pane_free(p);
}

/* ---- totals of hopping windows ---- */

static uint64_t *holders_of(const struct windows *w, const struct table *total, uint32_t group) {
    return (uint64_t *)((char *)table_group(total, group) + w->layout);
}

static void total_add_pane(struct windows *w, int cursor, struct pane *p) {
    struct table *total = &w->cursors[cursor].total;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        uint32_t group = table_put(total, *table_key(&p->groups, g));
        ++*holders_of(w, total, group);
        aggregates_merge(w->aggregates, table_group(total, group), table_group(&p->groups, g));
    }
    p->in_total[cursor] = true;
}

/* A key's group anew from the panes that are in the total. */
static void total_again(struct windows *w, int cursor, uint32_t key, void *group) {
    aggregates_clear(w->aggregates, group);
    for (size_t i = pane_after(w, w->firing.start, false); i < w->n_panes; i++) {
        const struct pane *p = pane_at(w, i);
        if (p->start >= w->firing.end) break;
        if (!p->in_total[cursor]) continue;
        uint32_t g = table_find(&p->groups, key);
        if (g != TABLE_NONE) aggregates_merge(w->aggregates, group, table_group(&p->groups, g));
    }
}

static void total_take_pane(struct windows *w, int cursor, struct pane *p) {
    struct table *total = &w->cursors[cursor].total;
    p->in_total[cursor] = false;
    for (uint32_t g = 0; g < p->groups.n; g++) {
        uint32_t key = *table_key(&p->groups, g), group = table_find(total, key);
        void *sum = table_group(total, group);
        if (--*holders_of(w, total, group) == 0) {
            aggregates_clear(w->aggregates, sum);
            table_remove(total, group);
        } else if (!aggregates_unmerge(w->aggregates, sum, table_group(&p->groups, g))) {
            total_again(w, cursor, key, sum);
        }
    }
}

/* An event has been added to a pane that is in the total. */
static void total_add_event(struct windows *w, int cursor, uint32_t key, bool new_in_pane,
    const struct aggregate_input *in, int64_t time, struct slice text) {
    struct table *total = &w->cursors[cursor].total;
    uint32_t group = table_put(total, key);
    *holders_of(w, total, group) += new_in_pane;
    aggregates_add(w->aggregates, table_group(total, group), in, time, text);
}

/* ---- adding ---- */

static bool in_panes_of(const struct windows *w, int64_t end, uint32_t key) {
    int64_t start = step(w, end, -w->panes_each);
    for (size_t i = pane_after(w, start, false); i < w->n_panes && pane_at(w, i)->start < end; i++)
        if (table_find(&pane_at(w, i)->groups, key) != TABLE_NONE) return true;
    return false;
}

static struct touched *touch(struct windows *w, int64_t end) {
    size_t i = w->n_touched;
    while (i > 0 && w->touched[i - 1].end > end) i--;
    if (i > 0 && w->touched[i - 1].end == end) return &w->touched[i - 1];
    if (w->n_touched == w->touched_cap) {
        w->touched_cap = w->touched_cap ? 2 * w->touched_cap : 4;
        w->touched = mem_grow(w->touched, w->touched_cap, sizeof *w->touched);
    }
    memmove(&w->touched[i + 1], &w->touched[i], (w->n_touched++ - i) * sizeof *w->touched);
    w->touched[i] = (struct touched){.end = end, .versions.size = sizeof(uint64_t)};
    return &w->touched[i];
}

/* The event's key comes out again in each window that is out and still accepts it. Before the event is added:
 * a key that late events have not touched yet has come out once if it is in the window. */
static void plan_corrections(struct windows *w, int64_t watermark, int missed, uint32_t key) {
    int64_t end = step(w, w->at.end, missed);
    w->corrections = (struct corrections){.key = key, .end = end, .last = end - 1};
    for (; end <= watermark && end <= w->at.last_end; end = step(w, end, 1)) {
        struct table *versions = &touch(w, end)->versions;
        uint32_t group = table_find(versions, key);
        if (group == TABLE_NONE) {
            group = table_add(versions, key);
            *(uint64_t *)table_group(versions, group) = in_panes_of(w, end, key);
        }
        ++*(uint64_t *)table_group(versions, group);
        w->corrections.last = end;
        w->due = TIME_NONE;
    }
}

/* Does a window no longer take events? */
static bool is_closed(const struct windows *w, int64_t end, int64_t watermark) {
    return add_sat(end, w->spec.allowed_lateness) <= watermark;
}

static int missed_windows(const struct windows *w, int64_t watermark) {
    int missed = 0;
    for (int64_t end = w->at.end; is_closed(w, end, watermark); end = step(w, end, 1)) missed++;
    return missed;
}

static void add_to_pane(struct windows *w, struct pane *p, uint32_t key_number, int64_t time,
    const struct aggregate_input *in, struct slice text) {
    struct key *key = keys_at(&w->keys, key_number);
    bool new_in_pane = false;
    if (key->pane != p->serial) {
        uint32_t group = key->holders ? table_find(&p->groups, key_number) : TABLE_NONE;
        new_in_pane = group == TABLE_NONE;
        if (new_in_pane) {
            group = table_add(&p->groups, key_number);
            keys_hold(&w->keys, key_number);
        }
        key->pane = p->serial;
        key->group = group;
    }
    aggregates_add(w->aggregates, table_group(&p->groups, key->group), in, time, text);
    for (int i = 0; i < w->n_cursors; i++)
        if (p->in_total[i]) total_add_event(w, i, key_number, new_in_pane, in, time, text);
}

struct window_place windows_add(struct windows *w, int64_t time, int64_t watermark,
    struct slice key, const struct aggregate_input *in, struct slice text) {
    if (time < w->at.start || time >= w->at.end) find_pane(w, time);
    struct window_place place = {.window_start = w->at.start, .window_end = w->at.last_end};
    if (watermark >= w->at.end) {
        if (is_closed(w, w->at.last_end, watermark)) {
            place.fate = WINDOW_LATE;
            return place;
        }
        place.missed = missed_windows(w, watermark);
    }
    if (!w->at.pane) pane_new(w, watermark);
    uint32_t number = keys_put(&w->keys, key);
    if (watermark >= w->at.end && w->spec.corrections)
        plan_corrections(w, watermark, place.missed, number);
    add_to_pane(w, w->at.pane, number, time, in, text);
    return place;
}

/* ---- firing ---- */

static void gather(struct windows *w, struct firing *f) {
    int cursor = (int)(f->cursor - w->cursors);
    for (size_t i = pane_after(w, f->start, false); i < w->n_panes && pane_at(w, i)->start < f->end;
         i++) {
        struct pane *p = pane_at(w, i);
        if (w->panes_each == 1) {
            f->groups = &p->groups;
            f->serial = p->serial;
            return;
        }
        if (!p->in_total[cursor]) total_add_pane(w, cursor, p);
    }
    f->groups = &f->cursor->total;
}

/* Rows come by walking the dictionary's order, or, where the window holds but a few of its keys, by sorting those. */
enum { WALK_AT_MOST = 16, AHEAD = 8 };

static void sort_groups(struct windows *w, struct firing *f) {
    uint32_t n = f->groups->n;
    f->at = 0;
    if (w->keys.n / WALK_AT_MOST <= n) {
        keys_order(&w->keys);
        return;
    }
    f->sorted = mem_grow(NULL, n, sizeof *f->sorted);
    for (uint32_t g = 0; g < n; g++)
        f->sorted[g] = (struct key_item){.key = *table_key(f->groups, g), .group = g};
    keys_sort(&w->keys, f->sorted, n);
}

static bool next_group(struct windows *w, uint32_t *key, uint32_t *group) {
    struct firing *f = &w->firing;
    if (f->sorted) {
        if (f->at == f->groups->n) return false;
        *key = f->sorted[f->at].key;
        *group = f->sorted[f->at++].group;
        return true;
    }
    while (f->at < w->keys.n) {
        if (f->at + AHEAD < w->keys.n)
            __builtin_prefetch(keys_at(&w->keys, w->keys.order[f->at + AHEAD]));
        *key = w->keys.order[f->at++];
        const struct key *k = keys_at(&w->keys, *key);
        if (k->holders == 0) continue;
        *group = k->pane == f->serial ? k->group : table_find(f->groups, *key);
        if (*group != TABLE_NONE) return true;
    }
    return false;
}

/* The window whose moment comes first; of one moment the one that ends first, the on-time rows before the final
 * ones. */
static bool begin_firing(struct windows *w, int64_t watermark) {
    int64_t best = TIME_END;
    struct firing *f = &w->firing;
    for (int i = w->n_cursors - 1; i >= 0; i--) {
        struct cursor *c = &w->cursors[i];
        int64_t end = next_end(w, c), moment = add_sat(end, c->delay);
        if (end == TIME_END || moment > watermark || moment > best) continue;
        if (f->cursor && moment == best && end > f->end) continue;
        best = moment;
        f->cursor = c;
        f->end = end;
    }
    if (!f->cursor) return false;
    f->start = step(w, f->end, -w->panes_each);
    gather(w, f);
    sort_groups(w, f);
    return true;
}

static void forget_touched(struct windows *w, int64_t end) {
    if (!w->n_touched || w->touched[0].end != end) return;
    table_free(&w->touched[0].versions);
    memmove(w->touched, w->touched + 1, --w->n_touched * sizeof *w->touched);
}

static void end_firing(struct windows *w) {
    struct firing *f = &w->firing;
    int cursor = (int)(f->cursor - w->cursors);
    f->cursor->passed = f->end;
    size_t i = pane_after(w, f->start, false);
    struct pane *oldest = pane_at(w, i);
    if (oldest->start == f->start) {
        if (oldest->in_total[cursor]) total_take_pane(w, cursor, oldest);
        if (cursor == w->n_cursors - 1) pane_drop_first(w);
    }
    if (cursor == FINAL) forget_touched(w, f->end);
    free(f->sorted);
    *f = (struct firing){0};
    keys_forget_idle(&w->keys);
}

static void fill_row(
    const struct windows *w, uint32_t key, uint32_t group, struct window_row *out) {
    const struct firing *f = &w->firing;
    *out = (struct window_row){
        .start = f->start,
        .end = f->end,
        .key = keys_bytes(keys_at(&w->keys, key)),
        .group = table_group(f->groups, group),
        .version = 1,
        .final = !w->spec.corrections,
    };
    if (f->cursor != &w->cursors[FINAL]) return;
    out->final = out->is_correction = true;
    out->version = 2;
    if (!w->n_touched || w->touched[0].end != f->end) return;
    uint32_t v = table_find(&w->touched[0].versions, key);
    if (v != TABLE_NONE)
        out->version = (uint32_t) * (uint64_t *)table_group(&w->touched[0].versions, v) + 1;
}

static void correction_row(struct windows *w, struct window_row *out) {
    struct corrections *c = &w->corrections;
    struct table *versions = &touch(w, c->end)->versions;
    *out = (struct window_row){
        .start = step(w, c->end, -w->panes_each),
        .end = c->end,
        .key = keys_bytes(keys_at(&w->keys, c->key)),
        .group = w->scratch,
        .version = (uint32_t) * (uint64_t *)table_group(versions, table_find(versions, c->key)),
        .is_correction = true,
    };
    aggregates_clear(w->aggregates, w->scratch);
    for (size_t i = pane_after(w, out->start, false);
         i < w->n_panes && pane_at(w, i)->start < out->end; i++) {
        const struct table *groups = &pane_at(w, i)->groups;
        uint32_t g = table_find(groups, c->key);
        if (g != TABLE_NONE) aggregates_merge(w->aggregates, w->scratch, table_group(groups, g));
    }
    c->end = step(w, c->end, 1);
}

bool windows_due(const struct windows *w, int64_t watermark) { return watermark >= w->due; }

bool windows_row(struct windows *w, int64_t watermark, struct window_row *out) {
    if (w->corrections.end <= w->corrections.last) {
        correction_row(w, out);
        return true;
    }
    w->due = TIME_NONE; /* as long as rows are being taken */
    while (w->firing.cursor || begin_firing(w, watermark)) {
        uint32_t key, group;
        if (next_group(w, &key, &group)) {
            fill_row(w, key, group, out);
            return true;
        }
        end_firing(w);
    }
    pass(w, watermark);
    set_due(w);
    return false;
}

/* ---- questions ---- */

int64_t windows_hold(const struct windows *w, int64_t watermark) {
    if (watermark == TIME_NONE || watermark == TIME_END) return watermark;
    int64_t closed = add_sat(watermark, -w->spec.allowed_lateness);
    if (closed < TIME_MIN) return TIME_NONE;
    int64_t first = step(w, boundary_before(w, closed), 1);
    int64_t open = next_end(w, &w->cursors[w->n_cursors - 1]);
    return (open < first ? open : first) - 1;
}

int64_t windows_first_end(const struct windows *w) { return next_end(w, &w->cursors[ON_TIME]); }

size_t windows_open(const struct windows *w) {
    size_t open = 0;
    int64_t done = w->cursors[w->n_cursors - 1].passed;
    for (size_t i = 0; i < w->n_panes; i++) {
        const struct pane *p = pane_at(w, i);
        if (p->start > done) done = p->start;
        for (int64_t end = p->last_end; end > done; end = step(w, end, -1)) open++;
        if (p->last_end > done) done = p->last_end;
    }
    return open;
}

size_t windows_groups(const struct windows *w) {
    size_t groups = 0;
    for (size_t i = 0; i < w->n_panes; i++) groups += pane_at(w, i)->groups.n;
    return groups;
}

size_t windows_bytes(const struct windows *w) {
    size_t bytes =
        sizeof *w + w->panes_cap * sizeof *w->panes + w->touched_cap * sizeof *w->touched;
    for (size_t i = 0; i < w->n_panes; i++)
        bytes += sizeof(struct pane) + table_bytes(&pane_at(w, i)->groups);
    for (size_t i = 0; i < w->n_touched; i++) bytes += table_bytes(&w->touched[i].versions);
    for (int i = 0; i < w->n_cursors; i++) bytes += table_bytes(&w->cursors[i].total);
    return bytes + keys_memory(&w->keys) + aggregates_aside(w->aggregates);
}
