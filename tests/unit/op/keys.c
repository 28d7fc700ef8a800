#include "op/keys.h"

#include "base/buf.h"
#include "check.h"
#include "op/table.h"

static uint64_t random_state = 1;
static uint64_t draw(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

/* ---- the dictionary ---- */

/* Prefix-free keys of many lengths, with shared beginnings; every 50th is long. */
static struct slice key_bytes(uint64_t i) {
    static char text[2000];
    int n = sprintf(text, "%s/%llx", i % 3 ? "a-beginning-that-many-share" : "b",
        (unsigned long long)(i * 7919));
    if (i % 50 == 0) {
        memset(text + n, 'x', 1200);
        n += 1200;
    }
    text[n++] = '\0';
    return (struct slice){text, (size_t)n};
}

static uint32_t add(struct keys *k, struct slice bytes) {
    return keys_put(k, bytes, keys_hash(k, bytes));
}

enum { KEYS = 3000 };

/* Of the key at i of the order and the one before it. */
static int order(const struct keys *k, uint32_t i) {
    return slice_cmp(keys_bytes(keys_at(k, k->order[i - 1])), keys_bytes(keys_at(k, k->order[i])));
}

static void check_order(struct keys *k) {
    keys_order(k);
    for (uint32_t i = 1; i < k->n; i++) CHECK(order(k, i) < 0);
}

static void keys_keep_their_numbers_and_are_ordered(void) {
    struct keys k;
    keys_init(&k, 7);
    static uint32_t number[KEYS];
    for (int i = 0; i < 20000; i++) {
        uint64_t which = draw() % KEYS;
        struct slice bytes = key_bytes(which);
        uint32_t found = keys_find(&k, bytes), put = add(&k, bytes);
        CHECK(put && found == number[which] && (!found || put == found));
        CHECK(slice_eq(keys_bytes(keys_at(&k, put)), bytes));
        if (!found) keys_hold(&k, put);
        number[which] = put;
        if (i % 500 == 0) check_order(&k);
    }
    check_order(&k);
    CHECK(k.n > KEYS * 9 / 10 && k.idle == 0);
    keys_free(&k);
}

static void few_keys_are_sorted_by_themselves(void) {
    struct keys k;
    keys_init(&k, 7);
    struct key_item items[700];
    for (size_t n = 0; n <= 700; n += 7) {
        for (size_t i = 0; i < n; i++) items[i].key = add(&k, key_bytes(i * 31 + n * 1000));
        for (size_t i = 0; i < n; i++) items[i].group = items[i].key;
        keys_sort(&k, items, n);
        for (size_t i = 1; i < n; i++)
            CHECK(slice_cmp(keys_bytes(keys_at(&k, items[i - 1].key)),
                      keys_bytes(keys_at(&k, items[i].key))) < 0);
        for (size_t i = 0; i < n; i++) CHECK(items[i].key == items[i].group);
    }
    keys_free(&k);
}

/* Waves of keys: each is held for one wave, or two; every tenth comes in all waves, and is kept. */
static void idle_keys_go_and_their_memory_is_used_again(void) {
    struct keys k;
    keys_init(&k, 7);
    enum { WAVE = 50000, WAVES = 20 };
    static uint32_t held[WAVE], before[WAVE];
    size_t most = 0;
    for (uint64_t wave = 0; wave < WAVES; wave++) {
        for (uint64_t i = 0; i < WAVE; i++) {
            held[i] = add(&k, key_bytes(i % 10 ? wave * WAVE + i : i));
            keys_hold(&k, held[i]);
        }
        if (wave % 4 == 1) keys_order(&k);
        for (uint64_t i = 0; i < WAVE; i++) {
            if (i % 10 == 0) continue;
            uint32_t gone = i % 10 == 5 ? before[i] : held[i];
            if (gone) keys_release(&k, gone);
            before[i] = held[i];
        }
        keys_forget_idle(&k);
        uint32_t idle = 0;
        for (uint32_t i = 0; i < k.n; i++) idle += keys_at(&k, k.order[i])->holders == 0;
        CHECK(idle == k.idle && k.ordered <= k.n);
        for (uint32_t i = 1; i < k.ordered; i++) CHECK(order(&k, i) < 0);
        if (wave == WAVES / 2) most = keys_memory(&k);
    }
    check_order(&k);
    CHECK(keys_memory(&k) <= most + most / 10);
    CHECK(k.n <= WAVE + KEYS_IDLE + WAVE);
    for (uint64_t i = 0; i < WAVE; i += 10)
        CHECK(keys_at(&k, keys_find(&k, key_bytes(i)))->holders == WAVES);
    keys_free(&k);
}

/* ---- tables ---- */

static void tables_add_find_and_remove(void) {
    enum { NUMBERS = 5000 };
    static uint64_t model[NUMBERS];
    for (int round = 0; round < 6; round++) {
        struct table t = {.size = 16};
        memset(model, 0, sizeof model);
        uint32_t n = 0, range = round % 2 ? NUMBERS : 40;
        for (int i = 0; i < 60000; i++) {
            uint32_t key = (uint32_t)(draw() % range) + 1;
            uint32_t group = table_find(&t, key * 9);
            CHECK((group == TABLE_NONE) == (model[key - 1] == 0));
            if (group == TABLE_NONE) {
                group = table_add(&t, key * 9);
                CHECK(*(uint64_t *)table_group(&t, group) == 0);
                *(uint64_t *)table_group(&t, group) = model[key - 1] = draw() + 1;
                n++;
            } else if (draw() % 2) {
                CHECK(*(uint64_t *)table_group(&t, group) == model[key - 1]);
                table_remove(&t, group);
                model[key - 1] = 0;
                n--;
            }
            CHECK(t.n == n);
        }
        for (uint32_t g = 0; g < t.n; g++)
            CHECK(*(uint64_t *)table_group(&t, g) == model[*table_key(&t, g) / 9 - 1]);
        table_free(&t);
    }
}

int main(void) {
    RUN(keys_keep_their_numbers_and_are_ordered);
    RUN(few_keys_are_sorted_by_themselves);
    RUN(idle_keys_go_and_their_memory_is_used_again);
    RUN(tables_add_find_and_remove);
    return check_done();
}
