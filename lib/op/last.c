#include "op/last.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "op/bytes.h"
#include "op/due.h"

/* A row that is held: version, text, and source with its NUL, one behind the other. */
struct held {
    size_t room; /* for bytes */
    int64_t time;
    uint64_t line;
    size_t version_n, text_n;
    char bytes[];
};

struct span {
    struct span *next; /* of those whose hashes have the same bits */
    struct held *row;
    int64_t at;
    uint64_t hash;
    size_t changed; /* its place in last.changed, from 1; 0: it is as it was saved */
    size_t key_n;
    char key[];
};

enum { FIRST_SLOTS = 1 << 10 };
enum { MEMORY_OVERHEAD = 16 }; /* of a piece of memory, what the allocator keeps beside it */

struct last {
    uint64_t seed;
    struct span **slots;
    size_t capacity, n; /* capacity is a power of two */
    struct due due;
    struct held *lost; /* the row that has lost or was taken; its memory serves the next one */
    bool tracks;
    struct span **changed; /* NULL where one has ended since */
    size_t n_changed, changed_cap;
    size_t bytes; /* of spans and rows */
};

struct last *last_new(uint64_t hash_seed) {
    struct last *l = mem_zero(1, sizeof *l);
    l->seed = hash_seed;
    l->capacity = FIRST_SLOTS;
    l->slots = mem_zero(l->capacity, sizeof(struct span *));
    return l;
}

void last_free(struct last *l) {
    if (!l) return;
    for (size_t i = 0; i < l->capacity; i++)
        for (struct span *s = l->slots[i], *next; s; s = next) {
            next = s->next;
            free(s->row);
            free(s);
        }
    due_free(&l->due);
    free(l->slots);
    free(l->lost);
    free(l->changed);
    free(l);
}

/* ---- rows ---- */

static struct slice version_of(const struct held *h) {
    return (struct slice){h->bytes, h->version_n};
}

static struct slice text_of(const struct held *h) {
    return (struct slice){h->bytes + h->version_n, h->text_n};
}

static struct last_row row_of(const struct held *h) {
    return (struct last_row){
        version_of(h), h->time, text_of(h), h->bytes + h->version_n + h->text_n, h->line};
}

/* Memory for so many bytes: that of the last row that went, unless it is much too large. */
static struct held *make_held(struct last *l, size_t n) {
    struct held *h = l->lost;
    l->lost = NULL;
    if (h && h->room >= n && h->room / 2 <= n) return h;
    free(h);
    h = mem_alloc(sizeof *h + n);
    h->room = n;
    return h;
}

static size_t held_bytes(const struct held *h) { return sizeof *h + h->room + MEMORY_OVERHEAD; }

static struct held *hold(struct last *l, const struct last_row *row) {
    size_t source_n = strlen(row->source) + 1;
    struct held *h = make_held(l, row->version.n + row->text.n + source_n);
    h->time = row->time;
    h->line = row->line;
    h->version_n = row->version.n;
    h->text_n = row->text.n;
    if (row->version.n) memcpy(h->bytes, row->version.p, row->version.n);
    if (row->text.n) memcpy(h->bytes + h->version_n, row->text.p, row->text.n);
    memcpy(h->bytes + h->version_n + h->text_n, row->source, source_n);
    l->bytes += held_bytes(h);
    return h;
}

/* It is kept for whoever looks at it, and for its memory. */
static void let_go(struct last *l, struct held *h) {
    l->bytes -= held_bytes(h);
    free(l->lost);
    l->lost = h;
}

static bool is_higher(const struct last_row *row, const struct held *than) {
    int by_version = slice_cmp(row->version, version_of(than));
    if (by_version) return by_version > 0;
    if (row->time != than->time) return row->time > than->time;
    return slice_cmp(row->text, text_of(than)) > 0;
}

/* ---- spans ---- */

static size_t span_bytes(const struct span *s) { return sizeof *s + s->key_n + MEMORY_OVERHEAD; }

static struct due_item item_of(struct span *s) {
    return (struct due_item){s->at, {s->key, s->key_n}, s};
}

static struct span **slot_of(const struct last *l, uint64_t hash) {
    return &l->slots[hash & (l->capacity - 1)];
}

static void grow(struct last *l) {
    struct span **old = l->slots;
    size_t was = l->capacity;
    l->capacity *= 2;
    l->slots = mem_zero(l->capacity, sizeof(struct span *));
    for (size_t i = 0; i < was; i++)
        for (struct span *s = old[i], *next; s; s = next) {
            struct span **slot = slot_of(l, s->hash);
            next = s->next;
            s->next = *slot;
            *slot = s;
        }
    free(old);
}

/* The span that the row belongs to; of two the earlier one. */
static struct span *find(
    const struct last *l, struct slice key, uint64_t hash, int64_t at, int64_t within) {
    struct span *found = NULL;
    for (struct span *s = *slot_of(l, hash); s; s = s->next) {
        if (s->hash != hash || !slice_eq(key, (struct slice){s->key, s->key_n})) continue;
        if (time_is_near(s->at, at, within) && (!found || s->at < found->at)) found = s;
    }
    return found;
}

static struct span *open_span(struct last *l, struct slice key, uint64_t hash, int64_t at) {
    if (l->n == l->capacity) grow(l);
    struct span *s = mem_alloc(sizeof *s + key.n), **slot = slot_of(l, hash);
    *s = (struct span){.next = *slot, .at = at, .hash = hash, .key_n = key.n};
    if (key.n) memcpy(s->key, key.p, key.n);
    *slot = s;
    l->n++;
    l->bytes += span_bytes(s);
    struct due_item item = item_of(s);
    due_put(&l->due, &item);
    return s;
}

static void close_span(struct last *l, struct span *s) {
    struct span **at = slot_of(l, s->hash);
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    if (s->changed) l->changed[s->changed - 1] = NULL;
    l->n--;
    l->bytes -= span_bytes(s);
    free(s);
}

static void note_change(struct last *l, struct span *s) {
    if (!l->tracks || s->changed) return;
    if (l->n_changed == l->changed_cap) {
        l->changed_cap = l->changed_cap ? 2 * l->changed_cap : 64;
        l->changed = mem_grow(l->changed, l->changed_cap, sizeof(struct span *));
    }
    l->changed[l->n_changed++] = s;
    s->changed = l->n_changed;
}

/* ---- rows come and go ---- */

bool last_put(struct last *l, struct slice key, int64_t at, int64_t within,
    const struct last_row *row, struct last_row *loser) {
    uint64_t hash = hash_bytes(key.p, key.n, l->seed);
    struct span *s = find(l, key, hash, at, within);
    if (s && !is_higher(row, s->row)) {
        *loser = *row;
        return true;
    }
    struct held *new = hold(l, row);
    bool has_lost = s != NULL;
    if (!s) s = open_span(l, key, hash, at);
    else *loser = row_of(s->row), let_go(l, s->row);
    s->row = new;
    note_change(l, s);
    return has_lost;
}

int64_t last_first(const struct last *l) {
    const struct due_item *first = due_first(&l->due);
    return first ? first->at : INT64_MAX;
}

void last_take(struct last *l, struct last_row *row) {
    struct span *s = due_first(&l->due)->of;
    *row = row_of(s->row);
    let_go(l, s->row);
    due_drop_first(&l->due);
    close_span(l, s);
}

size_t last_spans(const struct last *l) { return l->n; }

size_t last_bytes(const struct last *l) {
    return sizeof *l + l->capacity * sizeof(struct span *) + due_bytes(&l->due) +
           l->changed_cap * sizeof(struct span *) + l->bytes;
}

/* ---- from run to run ---- */

void last_track(struct last *l) { l->tracks = true; }

static int by_place(const void *a, const void *b) {
    struct span *const *s = a, *const *t = b;
    struct due_item x = item_of(*s), y = item_of(*t);
    return due_compare(&x, &y);
}

/* Leaves those that have not ended, in order. */
static void sort_changed(struct last *l) {
    size_t kept = 0;
    for (size_t i = 0; i < l->n_changed; i++)
        if (l->changed[i]) l->changed[kept++] = l->changed[i];
    l->n_changed = kept;
    if (kept) qsort(l->changed, kept, sizeof *l->changed, by_place);
}

static void write_row(struct buf *out, const struct last_row *row) {
    bytes_put(out, row->version);
    bytes_put64(out, (uint64_t)row->time);
    bytes_put64(out, row->line);
    bytes_put(out, slice_of(row->source));
    bytes_put(out, row->text);
}

bool last_save(struct last *l, bool (*put)(void *ctx, const struct last_entry *entry), void *ctx) {
    struct buf value = {0};
    bool ok = true;
    sort_changed(l);
    for (size_t i = 0; i < l->n_changed; i++) {
        struct span *s = l->changed[i];
        struct last_row row = row_of(s->row);
        s->changed = 0;
        value.n = 0;
        write_row(&value, &row);
        struct last_entry entry = {s->at, {s->key, s->key_n}, buf_slice(&value)};
        ok = ok && put(ctx, &entry);
    }
    l->n_changed = 0;
    buf_free(&value);
    return ok;
}

bool last_load(struct last *l, const struct last_entry *entry) {
    struct last_row row = {0};
    struct slice value = entry->value, source;
    uint64_t time, hash = hash_bytes(entry->key.p, entry->key.n, l->seed);
    if (!bytes_take(&value, &row.version) || !bytes_take64(&value, &time) ||
        !bytes_take64(&value, &row.line) || !bytes_take(&value, &source) ||
        !bytes_take(&value, &row.text) || value.n)
        return false;
    if (find(l, entry->key, hash, entry->at, 1)) return false;
    char *name = mem_str(source);
    row.time = (int64_t)time;
    row.source = name;
    open_span(l, entry->key, hash, entry->at)->row = hold(l, &row);
    free(name);
    return true;
}
