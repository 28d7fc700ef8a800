/* Thousands of random steps against a plain model: puts, drops, forgetting, snapshots, and openings at any epoch that
 * may still be asked for. */
#include "common.h"

static uint64_t rng, unique;
static int64_t clock_us, horizons[TABLES];

static uint64_t below(uint64_t n) { return random_next(&rng) % n; }

static struct item random_item(unsigned table) {
    struct item i = {.time = clock_us - 40 + (int64_t)below(80)};
    if (kinds[table] == STATE_SET) {
        unique++;
        buf_add(&i.key, &unique, sizeof unique);
    } else {
        /* Few keys, so that they come again; one of them empty, one a prefix of others. */
        for (uint64_t n = below(4); n--;) buf_addc(&i.key, (char)(below(3) * 127));
        i.dropped = below(4) == 0;
    }
    size_t length = below(500) ? below(30) : 150000;
    if (!i.dropped && length) memset(buf_reserve(&i.value, length), (int)below(256), length);
    if (!i.dropped) i.value.n = length;
    return i;
}

static struct items random_batch(unsigned table) {
    struct items l = {0};
    for (size_t n = below(4) ? below(12) : below(300); n--;) items_add(&l, random_item(table));
    if (kinds[table] == STATE_SET) return l;
    items_sort(&l);
    size_t n = 0;
    for (size_t i = 0; i < l.n; i++) {
        if (n && item_order(&l.at[n - 1], &l.at[i]) == 0) item_free(&l.at[i]);
        else l.at[n++] = l.at[i];
    }
    l.n = n;
    return l;
}

static void change(struct state *s, struct model *m) {
    struct err e;
    for (unsigned t = 0; t < TABLES; t++) {
        if (below(3) == 0) continue;
        struct items batch = random_batch(t);
        CHECK(apply(s, m, t, &batch, &e));
        items_free(&batch);
        if (below(3) == 0) {
            int64_t before = clock_us - 60 + (int64_t)below(60);
            state_forget(s, t, before);
            if (before > horizons[t]) horizons[t] = before;
        }
        items_forget(&m->tables[t], horizons[t]);
    }
    clock_us += (int64_t)below(4);
}

enum { STEPS = 2500 };
struct past {
    struct model model;
    int64_t horizons[TABLES], clock_us;
};
static struct past past[STEPS + 1];

static void remember(uint64_t epoch, const struct model *m) {
    model_free(&past[epoch].model);
    model_copy(&past[epoch].model, m);
    memcpy(past[epoch].horizons, horizons, sizeof horizons);
    past[epoch].clock_us = clock_us;
}

static struct state *reopen(uint64_t epoch, struct model *m) {
    struct err e = {0};
    struct model loaded;
    CHECK(state_is_whole(folder, epoch, &e));
    struct state *s = open_at(epoch, 0, &loaded, &e);
    if (!s) fprintf(stderr, "epoch %llu: %s\n", (unsigned long long)epoch, e.text);
    CHECK(s && model_same(&loaded, &past[epoch].model));
    if (s && epoch)
        CHECK((uint64_t)json_integer_value(json_object_get(state_meta(s), "mark")) == epoch);
    if (s && !epoch) CHECK(!state_meta(s));
    model_free(&loaded);
    model_free(m);
    model_copy(m, &past[epoch].model);
    memcpy(horizons, past[epoch].horizons, sizeof horizons);
    clock_us = past[epoch].clock_us;
    return s;
}

static void any_history_is_restored(void) {
    rng = random_seed();
    folder_make();
    struct model m = {0};
    uint64_t epoch = 0, newest = 0, committed = 0, merges = 0;
    size_t most_runs = 0;
    for (int t = 0; t < TABLES; t++) horizons[t] = INT64_MIN;
    remember(0, &m);
    struct state *s = reopen(0, &m);
    for (int step = 0; s && check_ok && step < STEPS; step++) {
        struct err e = {0};
        change(s, &m);
        if (below(2)) state_settle(s);
        epoch++;
        CHECK(state_snapshot(s, epoch, meta_of(epoch), &e));
        if (e.code) fprintf(stderr, "%s\n", e.text);
        remember(epoch, &m);
        if (epoch > newest) newest = epoch;
        struct state_figures f = state_figures(s);
        if (f.runs > most_runs) most_runs = f.runs;
        if (below(4) == 0) {
            for (uint64_t to = committed + below(epoch - committed + 1); committed < to;
                 committed++)
                model_free(&past[committed].model);
            state_release(s, committed);
        }
        if (below(15)) continue;
        merges += f.merges;
        state_close(s);
        epoch = committed + below(epoch - committed + 1);
        s = reopen(epoch, &m);
    }
    CHECK(merges > STEPS / 20);
    CHECK(most_runs < 100);
    state_close(s);
    model_free(&m);
    for (uint64_t i = 0; i <= newest; i++) model_free(&past[i].model);
    folder_remove();
}

int main(void) {
    RUN(any_history_is_restored);
    return check_done();
}
