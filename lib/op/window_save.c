#include <stdlib.h>

#include "base/buf.h"
#include "op/bytes.h"
#include "op/window_state.h"

void windows_track(struct windows *w) { w->tracks = true; }

int64_t windows_forgotten(const struct windows *w, enum window_table table) {
    return w->forgotten[table];
}

/* ---- saving ---- */

struct saving {
    struct windows *w;
    bool (*put)(void *ctx, const struct window_entry *entry);
    void *ctx;
    struct key_item *items; /* the marked groups of a table, by key */
    size_t n, cap;
    struct buf value;
};

static void gather(struct saving *s, struct table *t) {
    s->n = 0;
    for (uint32_t g = 0; (g = table_take_mark(t, g)) != TABLE_NONE; g++) {
        if (s->n == s->cap) {
            s->cap = s->cap ? 2 * s->cap : 64;
            s->items = mem_grow(s->items, s->cap, sizeof *s->items);
        }
        s->items[s->n++] = (struct key_item){.key = *table_key(t, g), .group = g};
    }
    keys_sort(&s->w->keys, s->items, s->n);
}

static bool put_marked(struct saving *s, enum window_table table, int64_t time, struct table *of) {
    gather(s, of);
    for (size_t i = 0; i < s->n; i++) {
        const void *group = table_group(of, s->items[i].group);
        uint64_t version;
        s->value.n = 0;
        memcpy(&version, group, sizeof version);
        if (table == WINDOW_GROUPS) aggregates_save(s->w->aggregates, group, &s->value);
        else bytes_put64(&s->value, version);
        struct window_entry entry = {
            table, time, keys_bytes(keys_at(&s->w->keys, s->items[i].key)), buf_slice(&s->value)};
        if (!s->put(s->ctx, &entry)) return false;
    }
    return true;
}

bool windows_save(
    struct windows *w, bool (*put)(void *ctx, const struct window_entry *entry), void *ctx) {
    struct saving s = {.w = w, .put = put, .ctx = ctx};
    bool ok = true;
    windows_settle(w);
    for (size_t i = 0; ok && i < w->panes.n; i++) {
        struct pane *p = panes_at(&w->panes, i);
        ok = put_marked(&s, WINDOW_GROUPS, p->start, &p->groups);
    }
    for (size_t i = 0; ok && i < w->n_touched; i++)
        ok = put_marked(&s, WINDOW_VERSIONS, w->touched[i].end, &w->touched[i].versions);
    free(s.items);
    buf_free(&s.value);
    return ok;
}

/* ---- loading ---- */

static bool load_group(struct windows *w, const struct window_entry *entry, uint32_t number) {
    bool is_new;
    struct pane *p = windows_pane(w, entry->time);
    if (p->start != entry->time) return false;
    uint32_t group = windows_group(w, p, number, &is_new);
    return is_new && aggregates_load(w->aggregates, table_group(&p->groups, group), entry->value);
}

static bool load_version(struct windows *w, const struct window_entry *entry, uint32_t number) {
    uint64_t version;
    struct slice value = entry->value;
    struct table *versions = &windows_touch(w, entry->time)->versions;
    if (!bytes_take64(&value, &version)) return false;
    memcpy(table_group(versions, table_put(versions, number)), &version, sizeof version);
    return true;
}

bool windows_load(struct windows *w, const struct window_entry *entry) {
    uint32_t number = keys_put(&w->keys, entry->key, keys_hash(&w->keys, entry->key));
    return entry->table == WINDOW_GROUPS ? load_group(w, entry, number)
                                         : load_version(w, entry, number);
}

void windows_passed(const struct windows *w, int64_t passed[static 2]) {
    for (int i = 0; i < 2; i++) passed[i] = i < w->n_cursors ? w->cursors[i].passed : TIME_NONE;
}

void windows_resume(struct windows *w, const int64_t passed[static 2]) {
    for (int i = 0; i < w->n_cursors; i++) w->cursors[i].passed = passed[i];
    windows_pass(w, TIME_NONE);
}
