"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = LightweightCharts;
  const byId = (id) => document.getElementById(id);
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const money = (value) => value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const signed = (value, places) => (value > 0 ? "+" : "") + value.toFixed(places);
  const stamp = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const faint = (name, part) => `rgba(${colour(name).split(/\s+/).join(",")},${part})`;
  const sums = (steps) => { let total = 0; return steps.map((step) => (total += step)); };

  // ── light and dark ──────────────────────────────────────────────────────────
  const repaints = [];
  const paint = (theme) => {
    document.documentElement.dataset.theme = theme;
    repaints.forEach((repaint) => repaint());
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  paint(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => paint(dark.matches ? "dark" : "light"));
  byId("theme").onclick = () => paint(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

  const look = () => ({
    layout: {
      background: { color: colour("card") }, textColor: colour("soft"), attributionLogo: true,
      panes: { separatorColor: colour("line"), separatorHoverColor: colour("grid"), enableResize: true },
    },
    grid: { vertLines: { color: colour("grid") }, horzLines: { color: colour("grid") } },
    rightPriceScale: { borderColor: colour("line") },
    timeScale: { borderColor: colour("line") },
  });
  const makeChart = (id) => {
    const chart = charts.createChart(byId(id), {
      autoSize: true,
      localization: { locale: "en-US" },
      timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: 0.005 },
      handleScroll: { vertTouchDrag: false, mouseWheel: false },
      handleScale: { mouseWheel: false },
    });
    chart.applyOptions(look());
    repaints.push(() => chart.applyOptions(look()));
    return chart;
  };

  const whenSized = (chart, act) => {
    const scale = chart.timeScale();
    if (scale.width()) act();
    const once = () => { scale.unsubscribeSizeChange(once); act(); };
    scale.subscribeSizeChange(once);
  };

  // ── equity, benchmark, drawdown ─────────────────────────────────────────────
  const drawEquity = () => {
    const times = sums(data.curve.t);
    if (!times.length) return;
    const points = (values) => values.map((value, row) => ({ time: times[row], value }));
    const chart = makeChart("equity-chart");
    const format = { type: "custom", formatter: (value) => Math.round(value).toLocaleString("en-US"), minMove: 0.01 };
    const percent = { type: "custom", formatter: (value) => `${value.toFixed(2)} %`, minMove: 0.01 };
    const quiet = { priceLineVisible: false, lastValueVisible: false };
    const hold = chart.addSeries(charts.LineSeries, { ...quiet, lineWidth: 1, priceFormat: format });
    const run = chart.addSeries(charts.LineSeries, { ...quiet, lineWidth: 2, priceFormat: format });
    const fall = chart.addSeries(charts.BaselineSeries, {
      ...quiet, lineWidth: 1, priceFormat: percent, baseValue: { type: "price", price: 0 },
    }, 1);
    const dress = () => {
      hold.applyOptions({ color: colour("hold") });
      run.applyOptions({ color: colour("run") });
      fall.applyOptions({
        bottomLineColor: colour("loss"), bottomFillColor1: faint("loss-fill", 0.1), bottomFillColor2: faint("loss-fill", 0.35),
        topLineColor: "transparent", topFillColor1: "transparent", topFillColor2: "transparent",
      });
    };
    dress();
    repaints.push(dress);
    hold.setData(points(data.curve.benchmark));
    run.setData(points(data.curve.equity));
    fall.setData(points(data.curve.drawdown));
    chart.panes()[0].setStretchFactor(7);
    chart.panes()[1].setStretchFactor(3);
    whenSized(chart, () => chart.timeScale().fitContent());
    chart.subscribeCrosshairMove((move) => {
      const at = move.seriesData.get(run);
      byId("equity-at").textContent = at
        ? `${stamp(at.time)}  ·  ${money(at.value)}  ·  buy & hold ${money(move.seriesData.get(hold).value)}  ·  ${move.seriesData.get(fall).value.toFixed(2)} %`
        : "";
    });
  };

  // ── price and trades ────────────────────────────────────────────────────────
  const MOST_MARKERS = 250;
  const SPANS = [["1 day", 1], ["1 week", 5], ["1 month", 21], ["All", 0]];

  const decode = (packed) => {
    const unit = 10 ** -packed.places;
    const times = sums(packed.t), closes = sums(packed.c);
    return times.map((time, row) => {
      const close = closes[row], open = (row ? closes[row - 1] : 0) + packed.o[row];
      return {
        time, open: open * unit, close: close * unit,
        high: (Math.max(open, close) + packed.h[row]) * unit, low: (Math.min(open, close) - packed.l[row]) * unit,
      };
    });
  };

  const priceChart = () => {
    const names = Object.keys(data.candles);
    if (!names.length) return null;
    const chart = makeChart("price-chart");
    const series = chart.addSeries(charts.CandlestickSeries, { priceLineVisible: false, borderVisible: false });
    const markers = charts.createSeriesMarkers(series, []);
    const decoded = new Map();
    let shown = names[0], candles = [];
    const dress = () => {
      series.applyOptions({
        upColor: colour("gain"), wickUpColor: colour("gain"), downColor: colour("loss"), wickDownColor: colour("loss"),
      });
      mark();
    };
    const mark = () => {
      const range = chart.timeScale().getVisibleLogicalRange();
      const fills = data.fills[shown];
      if (!range || !candles.length) return;
      const visible = fills.filter(([candle]) => candle >= range.from - 1 && candle <= range.to + 1);
      const many = visible.length > MOST_MARKERS, near = range.to - range.from < 240;
      byId("price-note").textContent = note(visible.length, many);
      markers.setMarkers(many ? [] : visible.map(([candle, quantity, price]) => ({
        time: candles[candle].time, price, size: 1,
        position: quantity > 0 ? "belowBar" : "aboveBar", shape: quantity > 0 ? "arrowUp" : "arrowDown",
        color: colour(quantity > 0 ? "buy" : "sell"),
        text: near ? `${signed(quantity, Number.isInteger(quantity) ? 0 : 4)} @ ${price.toFixed(data.candles[shown].places)}` : "",
      })));
    };
    const note = (count, many) => {
      const length = data.candles[shown].minutes;
      const candle = length === 1 ? "Candles are minute bars" : `Minute bars are joined to candles of ${length} minutes`;
      const fills = many ? `${count.toLocaleString("en-US")} fills in view: zoom in to see them` : `${count} fills in view`;
      return `${candle}; times in ${data.zone}. ${fills}. Drag to move, drag an axis or pinch to zoom, double-click it to reset.`;
    };
    const look_at = (from, to) => chart.timeScale().setVisibleLogicalRange({ from, to });
    const perSession = () => {
      const days = new Set(candles.map((candle) => Math.floor(candle.time / 86400))).size;
      return Math.max(Math.round(candles.length / Math.max(days, 1)), 1);
    };
    const span = (sessions) => {
      const last = candles.length - 0.5;
      look_at(sessions ? Math.max(last - sessions * perSession(), -0.5) : -0.5, last);
    };
    const show = (name) => {
      shown = name;
      if (!decoded.has(name)) decoded.set(name, decode(data.candles[name]));
      candles = decoded.get(name);
      const places = data.candles[name].places;
      series.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
      series.setData(candles);
      byId("symbol").value = name;
    };
    byId("symbol").append(...names.map((name) => element("option", { value: name, textContent: name })));
    byId("symbol").onchange = (event) => { show(event.target.value); span(5); };
    byId("symbol").hidden = names.length < 2;
    byId("spans").append(...SPANS.map(([label, sessions]) =>
      element("button", { type: "button", textContent: label, onclick: () => span(sessions) })));
    chart.timeScale().subscribeVisibleLogicalRangeChange(mark);
    chart.subscribeCrosshairMove((move) => {
      const at = move.seriesData.get(series), places = data.candles[shown].places;
      byId("price-at").textContent = at
        ? `${stamp(at.time)}  ·  O ${at.open.toFixed(places)}  H ${at.high.toFixed(places)}  L ${at.low.toFixed(places)}  C ${at.close.toFixed(places)}`
        : "";
    });
    show(shown);
    whenSized(chart, () => span(5));
    dress();
    repaints.push(dress);
    return (name, from, to) => {
      show(name);
      const room = Math.max((to - from) * 0.6, 25);
      look_at(from - room, to + room);
      byId("price").scrollIntoView({ behavior: "smooth" });
    };
  };

  // ── trades ──────────────────────────────────────────────────────────────────
  const PAGE = 15;
  const tradeTable = (jump) => {
    const table = byId("trade-table"), total = data.trades.length, pages = Math.ceil(total / PAGE);
    if (!total) {
      byId("trade-note").textContent = "No trade was made.";
      return;
    }
    const several = data.strategies.length > 1;
    const heads = ["Symbol", ...(several ? ["Strategy"] : []), "Quantity", "Entry", "Price", "Exit", "Price", "Net P&L", "Return"];
    const order = data.trades.map((_, row) => row);
    const row = (trade) => {
      const [symbol, strategy, quantity, entry, paid, exit, got, net, percent, open, from, to] = trade;
      const name = data.symbols[symbol], places = Math.max(data.candles[name]?.places ?? 2, 2);
      const cells = [
        name, ...(several ? [data.strategies[strategy]] : []), quantity.toLocaleString("en-US", { maximumFractionDigits: 8 }),
        stamp(entry), paid.toFixed(places), open ? "open" : stamp(exit), got.toFixed(places), money(net), `${signed(percent, 2)} %`,
      ].map((text) => element("td", { textContent: text }));
      cells.slice(-2).forEach((cell) => net && cell.classList.add(net < 0 ? "loss-text" : "gain-text"));
      const go = () => jump?.(name, from, to);
      return element("tr", { tabIndex: 0, title: "Show on the chart", onclick: go, onkeydown: (event) => event.key === "Enter" && go() }, ...cells);
    };
    let page = 0;
    const label = element("span");
    const body = element("tbody");
    const turn = (to) => {
      page = Math.min(Math.max(to, 0), pages - 1);
      body.replaceChildren(...order.slice(page * PAGE, (page + 1) * PAGE).map((at) => row(data.trades[at])));
      label.textContent = `${page + 1} / ${pages}`;
      back.disabled = page === 0;
      next.disabled = page === pages - 1;
    };
    const sorts = [["In order", null], ["Best first", (a, b) => data.trades[b][7] - data.trades[a][7]], ["Worst first", (a, b) => data.trades[a][7] - data.trades[b][7]]];
    const sort = element("select", { ariaLabel: "Order of trades" }, ...sorts.map(([name]) => element("option", { textContent: name })));
    sort.onchange = () => { order.sort(sorts[sort.selectedIndex][1] ?? ((a, b) => a - b)); turn(0); };
    const back = element("button", { type: "button", textContent: "‹", ariaLabel: "Page before", onclick: () => turn(page - 1) });
    const next = element("button", { type: "button", textContent: "›", ariaLabel: "Next page", onclick: () => turn(page + 1) });
    byId("pager").append(sort, back, label, next);
    table.append(element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { textContent: text })))), body);
    const hidden = data.trade_count - total;
    byId("trade-note").textContent = (hidden > 0 ? `The last ${total.toLocaleString("en-US")} of ${data.trade_count.toLocaleString("en-US")} trades; the file of trades holds all. ` : "")
      + `Times in ${data.zone}. A click shows a trade on the chart.`;
    turn(0);
  };

  // ── definitions ─────────────────────────────────────────────────────────────
  const bubbles = () => {
    let bubble = null;
    const hide = () => { bubble?.remove(); bubble = null; };
    const show = (event) => {
      const term = event.target.closest?.("[data-tip]");
      hide();
      if (!term) return;
      bubble = element("div", { className: "bubble", role: "tooltip", textContent: term.dataset.tip });
      document.body.append(bubble);
      const box = term.getBoundingClientRect(), size = bubble.getBoundingClientRect();
      const above = box.bottom + size.height + 12 > innerHeight;
      bubble.style.left = `${Math.max(12, Math.min(box.left, innerWidth - size.width - 12))}px`;
      bubble.style.top = `${above ? box.top - size.height - 8 : box.bottom + 8}px`;
    };
    for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, show);
    for (const kind of ["focusout", "scroll"]) document.addEventListener(kind, hide);
  };

  drawEquity();
  tradeTable(priceChart());
  bubbles();
  document.documentElement.dataset.ready = "yes";
})();
