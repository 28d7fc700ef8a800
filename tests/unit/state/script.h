/* A history in which each epoch's changes follow from its number, so that a replay makes the same. */
#ifndef EV_TEST_SCRIPT_H
#define EV_TEST_SCRIPT_H

#include "common.h"

static inline struct items script_batch(uint64_t epoch, unsigned table) {
    uint64_t rng = epoch * TABLES + table;
    struct items l = {0};
    for (int i = 0; i < 40; i++) {
        struct item it = {.time = (int64_t)epoch * 4 + i / 4};
        if (kinds[table] == STATE_SET) buf_printf(&it.key, "%llu.%d", (unsigned long long)epoch, i);
        else buf_printf(&it.key, "%d", i % 4);
        it.dropped = kinds[table] == STATE_MAP && random_next(&rng) % 4 == 0;
        if (!it.dropped) buf_printf(&it.value, "%llu", (unsigned long long)random_next(&rng));
        items_add(&l, it);
    }
    return l;
}

static inline bool script_epoch(struct state *s, struct model *m, uint64_t epoch, struct err *e) {
    bool ok = true;
    for (unsigned t = 0; ok && t < TABLES; t++) {
        struct items batch = script_batch(epoch, t);
        ok = apply(s, m, t, &batch, e);
        items_free(&batch);
        int64_t before = (int64_t)epoch * 4 - 60;
        state_forget(s, t, before);
        items_forget(&m->tables[t], before);
    }
    return ok && state_snapshot(s, epoch, meta_of(epoch), e);
}

/* The model of an epoch, from nothing. */
static inline struct model script_model(uint64_t epoch) {
    struct model m = {0};
    for (uint64_t n = 1; n <= epoch; n++)
        for (unsigned t = 0; t < TABLES; t++) {
            struct items batch = script_batch(n, t);
            for (size_t i = 0; i < batch.n; i++) {
                if (kinds[t] == STATE_MAP) items_drop(&m.tables[t], &batch.at[i]);
                if (!batch.at[i].dropped) items_add(&m.tables[t], item_copy(&batch.at[i]));
            }
            items_free(&batch);
            items_forget(&m.tables[t], (int64_t)n * 4 - 60);
        }
    return m;
}

/* Is what is restored at an epoch what the script says? */
static inline struct state *script_open(
    uint64_t epoch, int64_t keep_us, struct model *m, struct err *e) {
    struct model loaded;
    struct state *s = open_at(epoch, keep_us, &loaded, e);
    *m = script_model(epoch);
    if (s && !model_same(&loaded, m)) {
        err_set(e, EXIT_BUG, "what was restored is not what was put");
        state_close(s);
        s = NULL;
    }
    model_free(&loaded);
    return s;
}

#endif
