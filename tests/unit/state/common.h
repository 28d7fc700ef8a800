/* A folder for a state, a model to hold it against: plain arrays of entries. */
#ifndef EV_TEST_STATE_H
#define EV_TEST_STATE_H

#include "state/state.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"

static inline uint64_t random_next(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *state ^ *state >> 32;
    return x * UINT64_C(0xd6e8feb86659fd93) >> 16;
}

/* SEED in the environment repeats a run. */
static inline uint64_t random_seed(void) {
    const char *given = getenv("SEED");
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ---- the folder ---- */

static char folder_path[64];
static int folder = -1;

/* In memory where that can be had, for thousands of fsyncs. */
static inline void folder_make(void) {
    const char *in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder_path, sizeof folder_path, "%s/ev-state-XXXXXX", in);
    if (!mkdtemp(folder_path)) abort();
    folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void shell(const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (system(line) != 0) {
        fprintf(stderr, "failed: %s\n", line);
        abort();
    }
}

static inline void folder_remove(void) {
    close(folder);
    shell("rm -rf %s", folder_path);
}

/* ---- the model ---- */

enum { TABLES = 3 };
static const enum state_kind kinds[TABLES] = {STATE_MAP, STATE_SET, STATE_MAP};

struct item {
    int64_t time;
    struct buf key, value;
    bool dropped;
};
struct items {
    struct item *at;
    size_t n;
};
struct model {
    struct items tables[TABLES];
};

static inline int item_order(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return slice_cmp(buf_slice(&x->key), buf_slice(&y->key));
}

static inline struct item item_copy(const struct item *from) {
    struct item i = {.time = from->time, .dropped = from->dropped};
    buf_add_slice(&i.key, buf_slice(&from->key));
    buf_add_slice(&i.value, buf_slice(&from->value));
    return i;
}

static inline void items_add(struct items *l, struct item i) {
    l->at = mem_grow(l->at, l->n + 1, sizeof *l->at);
    l->at[l->n++] = i;
}

static inline void item_free(struct item *i) {
    buf_free(&i->key);
    buf_free(&i->value);
}

static inline void items_free(struct items *l) {
    for (size_t i = 0; i < l->n; i++) item_free(&l->at[i]);
    free(l->at);
    *l = (struct items){0};
}

static inline void items_sort(struct items *l) {
    if (l->n) qsort(l->at, l->n, sizeof *l->at, item_order);
}

static inline void items_forget(struct items *l, int64_t before) {
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (l->at[i].time >= before) l->at[n++] = l->at[i];
        else item_free(&l->at[i]);
    }
    l->n = n;
}

/* Of a map. */
static inline void items_drop(struct items *l, const struct item *gone) {
    for (size_t i = 0; i < l->n; i++)
        if (item_order(&l->at[i], gone) == 0) {
            item_free(&l->at[i]);
            l->at[i] = l->at[--l->n];
            return;
        }
}

static inline void model_copy(struct model *to, const struct model *from) {
    *to = (struct model){0};
    for (int t = 0; t < TABLES; t++)
        for (size_t i = 0; i < from->tables[t].n; i++)
            items_add(&to->tables[t], item_copy(&from->tables[t].at[i]));
}

static inline void model_free(struct model *m) {
    for (int t = 0; t < TABLES; t++) items_free(&m->tables[t]);
}

static inline bool items_same(const struct items *a, const struct items *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (item_order(&a->at[i], &b->at[i]) != 0 ||
            !slice_eq(buf_slice(&a->at[i].value), buf_slice(&b->at[i].value)))
            return false;
    return true;
}

/* Both may be sorted by this; what was loaded from a map has to be in order already. */
static inline bool model_same(struct model *loaded, struct model *want) {
    bool same = true;
    for (int t = 0; t < TABLES; t++) {
        struct items *l = &loaded->tables[t];
        for (size_t i = 1; kinds[t] == STATE_MAP && i < l->n; i++)
            same = same && item_order(&l->at[i - 1], &l->at[i]) < 0;
        items_sort(l);
        items_sort(&want->tables[t]);
        same = same && items_same(l, &want->tables[t]);
    }
    return same;
}

/* ---- the state ---- */

static inline bool load_into(void *model, const struct state_entry *entry, struct err *e) {
    struct model *m = model;
    struct item i = {.time = entry->time};
    (void)e;
    buf_add_slice(&i.key, entry->key);
    buf_add_slice(&i.value, entry->value);
    items_add(&m->tables[entry->table], i);
    return true;
}

static inline struct state *open_at(
    uint64_t epoch, int64_t keep_us, struct model *loaded, struct err *e) {
    struct state_options o = {
        .folder = folder, .tables = kinds, .n_tables = TABLES, .keep_us = keep_us};
    *loaded = (struct model){0};
    return state_open(&o, epoch, load_into, loaded, e);
}

static inline json_t *meta_of(uint64_t epoch) {
    return json_pack("{s:I}", "mark", (json_int_t)epoch);
}

static inline bool put(struct state *s, unsigned table, int64_t time, struct slice key,
    struct slice value, struct err *e) {
    return state_put(
        s, &(struct state_entry){.table = table, .time = time, .key = key, .value = value}, e);
}

/* Gives a batch, sorted, to the state and the model. */
static inline bool apply(
    struct state *s, struct model *m, unsigned table, struct items *batch, struct err *e) {
    for (size_t i = 0; i < batch->n; i++) {
        struct item *b = &batch->at[i];
        bool ok = b->dropped ? state_drop(s, table, b->time, buf_slice(&b->key), e)
                             : put(s, table, b->time, buf_slice(&b->key), buf_slice(&b->value), e);
        if (!ok) return false;
        if (kinds[table] == STATE_MAP) items_drop(&m->tables[table], b);
        if (!b->dropped) items_add(&m->tables[table], item_copy(b));
    }
    return true;
}

#endif
