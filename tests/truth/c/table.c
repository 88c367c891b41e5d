/* A table in C that takes its memory from malloc, which is not Rust's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct table {
    uint64_t *cells;
    size_t length;
};

struct table *table_new(size_t length) {
    struct table *table = malloc(sizeof *table);
    table->cells = malloc(length * sizeof *table->cells);
    memset(table->cells, 1, length * sizeof *table->cells);
    table->length = length;
    return table;
}

const void *table_cells(const struct table *table) { return table->cells; }

uint64_t table_sum(const struct table *table) {
    uint64_t sum = 0;
    for (size_t i = 0; i < table->length; i++) sum += table->cells[i];
    return sum;
}
