// Compares the retained size of each block as memlab computes it from an exported
// heap with what endler says: node memlab.js NAME EXPORT.heapsnapshot REPORT.json
// Exits with 1 if one differs.

const fs = require('fs');
const {getFullHeapFromFile} = require('@memlab/heap-analysis');

// The id under which the exporter writes a block's serial: slot and epoch.
function id(serial) {
  const slot = serial % 2 ** 32;
  const epoch = Math.floor(serial / 2 ** 32);
  return (slot + 1) * 2 + epoch * 2 ** 25;
}

async function main([name, exported, reported]) {
  const rows = JSON.parse(fs.readFileSync(reported, 'utf8')).rows;
  const heap = await getFullHeapFromFile(exported);
  let different = 0;
  const differs = (row, what) => {
    if (different++ < 10) console.log(`  ${row.address} ${row.name}: ${what}`);
  };
  let more = 0;
  const kinds = {};
  for (const row of rows) {
    const node = heap.getNodeById(id(row.serial));
    if (node === null) {
      differs(row, 'is not in the export');
    } else if (node.name !== row.name || node.self_size !== row.size) {
      differs(row, `is ${node.name} of ${node.self_size} bytes, not of ${row.size}`);
    } else if (node.retainedSize !== row.retained) {
      differs(row, `retains ${row.retained} bytes, and ${node.retainedSize} for memlab`);
    }
    if (row.retained > row.size) more++;
  }
  heap.edges.forEach(edge => {
    kinds[edge.type] = (kinds[edge.type] ?? 0) + 1;
  });
  // The roots and the node above them have no bytes of their own.
  let blocks = 0;
  heap.nodes.forEach(node => {
    if (node.type === 'object') blocks++;
  });
  if (blocks !== rows.length) {
    different++;
    console.log(`  ${blocks} blocks in the export, ${rows.length} in the report`);
  }
  const root = heap.nodes.get(0);
  const all = rows.reduce((sum, row) => sum + row.size, 0);
  if (root.retainedSize !== all) {
    different++;
    console.log(`  the root retains ${root.retainedSize} bytes of ${all}`);
  }
  const edges = Object.entries(kinds).sort().map(([kind, n]) => `${n} ${kind}`);
  console.log(
    `memlab ${name}: ${rows.length} blocks, of which ${more} retain others; edges: ` +
      `${edges.join(', ')}; ${different} differ`,
  );
  process.exit(different === 0 && more > 0 ? 0 : 1);
}

main(process.argv.slice(2)).catch(error => {
  console.error(error);
  process.exit(1);
});
