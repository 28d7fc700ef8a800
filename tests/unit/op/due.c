#include "op/due.h"

#include "base/buf.h"
#include "check.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static struct slice names[] = {{"a", 1}, {"b", 1}, {"c", 1}};

static int64_t first(const struct due *d) { return due_first(d) ? due_first(d)->at : -1; }

static void the_first_comes_out_first(void) {
    struct due d = {0};
    CHECK(due_first(&d) == NULL);
    int64_t in[] = {5, 7, 3, 9, 1, 8}, sorted[] = {1, 3, 5, 7, 8, 9};
    for (int i = 0; i < 6; i++) due_put(&d, &(struct due_item){.at = in[i], .key = names[0]});
    for (int i = 0; i < 6; i++, due_drop_first(&d)) CHECK(first(&d) == sorted[i]);
    CHECK(due_first(&d) == NULL);
    due_free(&d);
}

static void of_one_place_the_lower_key_comes_first(void) {
    struct due d = {0};
    int in[] = {1, 2, 0};
    for (int i = 0; i < 3; i++) due_put(&d, &(struct due_item){.at = 4, .key = names[in[i]]});
    for (int i = 0; i < 3; i++, due_drop_first(&d)) CHECK(due_first(&d)->key.p[0] == names[i].p[0]);
    due_free(&d);
}

/* Much comes in order, some does not, and some has come out in between. */
static void it_is_what_a_sort_would_say(void) {
    enum { N = 20000, LIVE = 300 };
    struct due d = {0};
    uint64_t random = 11;
    int64_t live[LIVE];
    size_t n = 0;
    for (int64_t i = 0; i < N; i++) {
        int64_t at = 10 * i - (i % 7 ? 0 : (int64_t)(next_random(&random) % 2000)) * 10;
        at += i % 10; /* no two are the same */
        due_put(&d, &(struct due_item){.at = at, .key = names[0]});
        live[n++] = at;
        while (n == LIVE || (n && next_random(&random) % 3 == 0)) {
            size_t least = 0;
            for (size_t k = 1; k < n; k++)
                if (live[k] < live[least]) least = k;
            if (first(&d) != live[least]) CHECK(!"the least");
            due_drop_first(&d);
            live[least] = live[--n];
        }
    }
    CHECK(due_bytes(&d) < 2048 * sizeof(struct due_item)); /* what is gone takes no room */
    due_free(&d);
}

int main(void) {
    RUN(the_first_comes_out_first);
    RUN(of_one_place_the_lower_key_comes_first);
    RUN(it_is_what_a_sort_would_say);
    return check_done();
}
