/*
 * Draws the live chart of a status page: asks its own page's JSON every few seconds and hands the figures to uPlot.
 * Two kinds: samples made by the relay, or the rate of a counter since this page was opened.
 */
(() => {
  const box = document.getElementById('chart');
  if (!box || typeof uPlot === 'undefined') return;
  const { source, counter } = box.dataset;
  const rate = document.getElementById('rate');
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const ink = dark ? '#dbe6ec' : '#1a2b34';
  const grid = { stroke: dark ? '#2c3a42' : '#e3eaee' };
  const lines = counter
    ? [{ label: 'accepted/s', stroke: '#0b7a5f', width: 2, fill: '#0b7a5f22' }]
    : [{ label: 'accepted/s', stroke: '#0b7a5f', width: 2, fill: '#0b7a5f22' }, { label: 'dropped/s', stroke: '#c2542d', width: 1 }];
  const height = () => Math.max(160, Math.min(260, box.clientWidth * 0.45));
  const chart = new uPlot({
    width: box.clientWidth, height: height(), cursor: { drag: { x: false } }, legend: { live: true },
    series: [{}, ...lines], scales: { x: { range: (_, low, high) => [Math.min(low, high - 60), high] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [{ stroke: ink, grid }, { stroke: ink, grid, size: 56 }],
  }, [[], ...lines.map(() => [])], box);
  addEventListener('resize', () => chart.setSize({ width: box.clientWidth, height: height() }));
  const times = [];
  const rates = [];
  let before = null;
  async function step() {
    try {
      const answer = await fetch(source, { headers: { accept: 'application/json' } });
      if (answer.ok) draw(await answer.json());
    } catch {
      // The relay may be starting anew; the next step asks again.
    }
    setTimeout(step, 2000);
  }
  function draw(figures) {
    if (!counter) {
      const { samples } = figures;
      chart.setData([samples.map((each) => each.at), samples.map((each) => each.accepted), samples.map((each) => each.dropped)]);
      if (rate && samples.length > 0) rate.textContent = samples[samples.length - 1].accepted.toLocaleString('en-US');
    } else {
      const now = { at: Date.now() / 1000, value: figures[counter] };
      if (before) {
        times.push(Math.round(now.at));
        rates.push(Math.max(0, (now.value - before.value) / (now.at - before.at)));
        if (times.length > 300) { times.shift(); rates.shift(); }
        chart.setData([times, rates]);
      }
      before = now;
    }
    box.dataset.points = String(chart.data[0].length);
  }
  step();
})();
