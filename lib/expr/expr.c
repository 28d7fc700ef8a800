#include "expr/expr.h"

#include <stdlib.h>

#include "expr/program.h"

void expr_free(struct expr *x) {
    if (!x) return;
    for (int i = 0; i < x->n_consts; i++)
        if (x->consts[i].kind == VALUE_STRING) free((char *)x->consts[i].text.p);
    for (int i = 0; i < x->n_paths; i++) json_path_free(&x->paths[i].path);
    for (int i = 0; i < x->n_regexes; i++) regfree(&x->regexes[i]);
    for (int i = 0; i < x->n_retired; i++) buf_free(&x->retired[i]);
    buf_free(&x->scratch);
    free(x->code);
    free(x->consts);
    free(x->paths);
    free(x->regexes);
    free(x->stack);
    free(x->text);
    free(x->filters);
    free(x->retired);
    free(x);
}

int expr_field(const struct expr *x) {
    return x->n == 1 && x->code->op == OP_FIELD ? x->code->a : -1;
}

void expr_each_path(const struct expr *x,
    void (*each)(void *ctx, int index, const struct json_path *path), void *ctx) {
    for (int i = 0; i < x->n_paths; i++) each(ctx, x->paths[i].index, &x->paths[i].path);
}

bool expr_uses_time(const struct expr *x) {
    for (int i = 0; i < x->n; i++)
        if (x->code[i].op == OP_TIME) return true;
    return false;
}

struct slice expr_text(const struct expr *x) {
    return slice_of(x->text);
}
