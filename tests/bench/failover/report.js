'use strict';
// The results as a Markdown table and as a picture.

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** What is said of all rounds of a row with one client. */
function summary(row, client, results) {
  const times = results.map((one) => one.seconds).filter((one) => one !== null);
  const wait = row.waits[client] ?? 0;
  return {
    rounds: results.length,
    median: times.length > 0 ? median(times) : null,
    worst: times.length > 0 ? Math.max(...times) : null,
    why: results.find((one) => one.seconds === null)?.why ?? null,
    failed: results.length - times.length,
    roundTrips: row.limit,
    wait,
    ratio: times.length > 0 && !row.detection ? median(times) / (row.limit + wait) : null,
    lost: sum(results.map((one) => one.lost)),
    duplicated: sum(results.map((one) => one.duplicated)),
    dpsCalls: sum(results.map((one) => one.dpsCalls)) / results.length,
  };
}

const seconds = (value) => value.toFixed(value < 10 ? 2 : 1);

function cells(row, client, one) {
  if (one.error) return [row.title, client, '0', one.error, '', '', '', '', '', '', ''];
  const limit = (row.detection ? 'detection + ' : '') + seconds(row.limit) + (one.wait > 0 ? ` + ${seconds(one.wait)}` : '');
  const failures = one.failed > 0 ? `${one.why} (${one.failed} of ${one.rounds})` : '';
  const times = one.median === null ? [failures, ''] : [seconds(one.median), [seconds(one.worst), failures].filter(Boolean).join('; ')];
  return [
    row.title,
    client,
    String(one.rounds),
    ...times,
    limit,
    one.ratio === null ? '' : one.ratio.toFixed(2),
    String(one.lost),
    String(one.duplicated),
    one.dpsCalls.toFixed(1),
  ];
}

function table(entries) {
  const head = ['fault', 'client', 'rounds', 'median, s', 'worst, s', 'limit, s', 'median / limit', 'lost', 'twice', 'DPS calls'];
  const line = (texts) => `| ${texts.join(' | ')} |`;
  const rows = entries.map(({ row, client, summary: one }) => line(cells(row, client, one)));
  return [line(head), line(head.map(() => '---')), ...rows].join('\n');
}

const LOOKS = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .faint { fill: #59636e } .axis { stroke: #d1d9e0 } .limit { stroke: #1f2328; stroke-width: 2 }
  .ours { fill: #1a7f37 } .rival { fill: #bc4c00 } .never { fill: none; stroke: #bc4c00; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .faint { fill: #9198a1 } .axis { stroke: #3d444d } .limit { stroke: #f0f6fc }
    .ours { fill: #3fb950 } .rival { fill: #f0883e } .never { stroke: #f0883e }
  }
</style>`;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Bars of the medians on a logarithmic scale from 0.05 s to 500 s, the worst as a thin line, the limit as a mark. */
function picture(entries) {
  const [left, width, step, top] = [330, 520, 24, 46];
  const place = (value) => left + (Math.log10(Math.min(Math.max(value, 0.05), 500) / 0.05) / 4) * width;
  const shapes = [];
  let y = top;
  let title = '';
  for (const { row, client, summary: one } of entries) {
    if (one.error) continue;
    if (row.title !== title) {
      y += 10;
      title = row.title;
      shapes.push(`<text x="${left - 12}" y="${y + 14}" text-anchor="end">${escaped(title)}</text>`);
    }
    const kind = client === 'ours' ? 'ours' : 'rival';
    const end = place(one.median ?? 500);
    const style = one.median === null ? 'never' : kind;
    shapes.push(`<rect class="${style}" x="${left}" y="${y + 2}" width="${Math.max(2, end - left).toFixed(1)}" height="15" rx="2"/>`);
    if (one.worst !== null) {
      shapes.push(`<rect class="${kind}" x="${end.toFixed(1)}" y="${y + 8.5}" width="${(place(one.worst) - end).toFixed(1)}" height="2"/>`);
    }
    if (!row.detection) {
      const limit = place(row.limit + one.wait).toFixed(1);
      shapes.push(`<line class="limit" x1="${limit}" y1="${y}" x2="${limit}" y2="${y + 19}"/>`);
    }
    const label = one.median === null ? (one.why ?? 'never') : `${seconds(one.median)} s`;
    shapes.push(`<text class="faint" x="${(place(one.worst ?? 500) + 8).toFixed(1)}" y="${y + 14}">${escaped(label)}</text>`);
    y += step;
  }
  const ticks = [0.05, 0.5, 5, 50, 500].map((value) => {
    const x = place(value);
    return (
      `<line class="axis" x1="${x}" y1="${top}" x2="${x}" y2="${y + 6}"/>` +
      `<text class="faint" x="${x}" y="${y + 22}" text-anchor="middle">${value} s</text>`
    );
  });
  const [whole, high] = [left + width + 130, y + 34];
  const legend =
    `<rect class="ours" x="${left}" y="14" width="14" height="14" rx="2"/><text x="${left + 20}" y="26">iotc-ha</text>` +
    `<rect class="rival" x="${left + 90}" y="14" width="14" height="14" rx="2"/>` +
    `<text x="${left + 110}" y="26">Microsoft's SDK for Node.js</text>` +
    `<line class="limit" x1="${left + 300}" y1="12" x2="${left + 300}" y2="30"/><text x="${left + 308}" y="26">limit</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${whole}" height="${high}" viewBox="0 0 ${whole} ${high}" role="img">\n` +
    `<title>Time from a fault to the first telemetry that the right hub took: median, worst and limit</title>\n` +
    `${LOOKS}\n${[...ticks, legend, ...shapes].join('\n')}\n</svg>\n`
  );
}

module.exports = { picture, summary, table };
