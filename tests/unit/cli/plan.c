#include "cli/plan.h"

#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static int here = -1;
static struct err e;

static char first[] = "a b/\xc3\xa9.gz", second[] = "b", how[] = "{\"@ev\":\"open\"}";

static struct plan sample(void) {
    static struct input_position of[] = {
        {.path = first,
            .begun = true,
            .ended = true,
            .records = 12,
            .lines = 15,
            .offset = 1u << 31,
            .size = 99,
            .check = UINT64_MAX,
            .before = 1,
            .last = 7,
            .watermark = -5,
            .first = INT64_MIN + 1},
        {.path = second, .once = true, .watermark = TIME_NONE},
    };
    return (struct plan){.epoch = 3,
        .records = 12,
        .at = {of, 2, true, INT64_MAX, how},
        .clock = 1763085600000001,
        .final = true};
}

static bool positions_are_same(const struct input_position *a, const struct input_position *b) {
    return strcmp(a->path, b->path) == 0 && a->once == b->once && a->begun == b->begun &&
           a->ended == b->ended && a->records == b->records && a->lines == b->lines &&
           a->offset == b->offset && a->size == b->size && a->check == b->check &&
           a->before == b->before && a->last == b->last && a->watermark == b->watermark &&
           a->first == b->first;
}

static bool plans_are_same(const struct plan *a, const struct plan *b) {
    bool same = a->epoch == b->epoch && a->records == b->records && a->clock == b->clock &&
                a->final == b->final && a->chain == b->chain && a->journal == b->journal &&
                a->journaled == b->journaled && a->at.n == b->at.n &&
                a->at.merges == b->at.merges && a->at.stream == b->at.stream &&
                !a->at.open == !b->at.open && (!a->at.open || strcmp(a->at.open, b->at.open) == 0);
    for (size_t i = 0; same && i < a->at.n; i++)
        same = positions_are_same(&a->at.of[i], &b->at.of[i]);
    return same;
}

static void a_plan_comes_back(void) {
    struct plan p = sample(), got;
    plan_chain(&p, 9);
    CHECK(plan_write(here, &p, &e) && plan_read(here, 3, &got, &e) && plans_are_same(&p, &got));
    plan_free(&got);
    p = (struct plan){.epoch = 4, .at = {.stream = TIME_NONE}, .journaled = true, .journal = 77};
    CHECK(plan_write(here, &p, &e) && plan_read(here, 4, &got, &e) && plans_are_same(&p, &got));
    plan_free(&got);
}

static void a_plan_of_another_epoch_is_none(void) {
    struct plan p = sample(), got;
    CHECK(plan_write(here, &p, &e));
    CHECK(!plan_read(here, 5, &got, &e) && e.code == EXIT_CONFIG);
    CHECK(rename("plan-3", "plan-5") == 0);
    CHECK(!plan_read(here, 5, &got, &e) && e.code == EXIT_CONFIG && strstr(e.text, "plan-5"));
}

/* What is read decides what the chain is; when it was read does not. */
static void the_chain_knows_what_was_planned(void) {
    struct plan p = sample();
    plan_chain(&p, 9);
    uint64_t chain = p.chain;
    p.clock++;
    plan_chain(&p, 9);
    CHECK(p.chain == chain);
    plan_chain(&p, 10);
    CHECK(p.chain != chain);
    struct plan q = sample();
    q.epoch++, plan_chain(&q, 9);
    CHECK(q.chain != chain);
    q = sample(), q.records++, plan_chain(&q, 9);
    CHECK(q.chain != chain);
    q = sample(), q.final = false, plan_chain(&q, 9);
    CHECK(q.chain != chain);
    q = sample(), q.journal++, plan_chain(&q, 9);
    CHECK(q.chain != chain);
    q = sample(), q.at.of[1].records++, plan_chain(&q, 9), q.at.of[1].records--;
    CHECK(q.chain != chain);
    q = sample(), q.at.of[0].check--, plan_chain(&q, 9), q.at.of[0].check++;
    CHECK(q.chain != chain);
    q = sample(), q.at.of[1].path[0]++, plan_chain(&q, 9), q.at.of[1].path[0]--;
    CHECK(q.chain != chain);
    q = sample(), plan_chain(&q, 9);
    CHECK(q.chain == chain);
}

int main(void) {
    char folder[] = "/tmp/ev-plan-XXXXXX", line[100];
    if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
    here = open(".", O_RDONLY | O_DIRECTORY);
    RUN(a_plan_comes_back);
    RUN(a_plan_of_another_epoch_is_none);
    RUN(the_chain_knows_what_was_planned);
    close(here);
    snprintf(line, sizeof line, "rm -rf %s", folder);
    if (chdir("/") != 0 || system(line) != 0) return 1;
    return check_done();
}
