/* A list in C whose memory comes from the allocator that it is given. */
#include <stddef.h>
#include <stdint.h>

struct ring_node {
    struct ring_node *next;
    uint64_t value;
    char text[104];
};

struct ring {
    void *(*take)(size_t);
    struct ring_node *first;
    size_t nodes;
};

struct ring *ring_new(void *(*take)(size_t)) {
    struct ring *ring = take(sizeof *ring);
    ring->take = take;
    ring->first = NULL;
    ring->nodes = 0;
    return ring;
}

void ring_push(struct ring *ring, uint64_t value) {
    struct ring_node *node = ring->take(sizeof *node);
    node->value = value;
    node->text[0] = 0;
    node->next = ring->first;
    ring->first = node;
    ring->nodes++;
}

/* The node at a position, as an address for the caller's own books. */
const void *ring_at(const struct ring *ring, size_t position) {
    const struct ring_node *node = ring->first;
    while (position-- > 0 && node != NULL) node = node->next;
    return node;
}

size_t ring_node_bytes(void) { return sizeof(struct ring_node); }
