"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const make = (tag, parent, text) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };
  const MOVES = "#ff8a3d", STANDS = "#6fa8dc";
  const ROLES = { center: "#80ed99", left: "#ffd166", right: "#4cc9f0" };
  const LINES = ["#4cc9f0", "#ff8a3d", "#80ed99", "#f072b6", "#ffd166", "#b794f6", "#e5e5e5", "#ef5350"];
  const EDGES = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];
  const views = [];
  let now = 0;

  // Number of the newest entry at or before a time; the first if there is none yet.
  const newest = (times, t) => {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t + 1e-9) low = middle + 1; else high = middle;
    }
    return Math.max(low - 1, 0);
  };

  const figure = (parent, name, width, height) => {
    const box = make("figure", parent);
    const caption = make("figcaption", box);
    make("span", caption, name);
    const told = make("span", caption, "");
    const canvas = make("canvas", box);
    canvas.width = width;
    canvas.height = height;
    return { canvas, told, draw: canvas.getContext("2d") };
  };

  const addCamera = (camera) => {
    // One or two small cameras have the room to be twice as large.
    const few = data.cameras.length <= 2 && camera.width <= 320 ? 2 : 1;
    // Smaller ones grow by whole pixels to the width that larger ones have.
    const times = Math.min(Math.max(Math.floor(320 * few / camera.width), 1), 4);
    const shown = Math.min(camera.width < 200 ? camera.width * times : camera.width * few, 640);
    const scale = shown / camera.width;
    const { canvas, told, draw } = figure(byId("cameras"), camera.name, shown, Math.round(camera.height * scale));
    let current = -1;
    const image = new Image();
    const paint = () => {
      draw.imageSmoothingEnabled = scale <= 2;
      draw.drawImage(image, 0, 0, canvas.width, canvas.height);
      if (byId("lanes").checked) for (const [role, ...places] of camera.lanes[current]) {
        draw.strokeStyle = ROLES[role];
        draw.lineWidth = 1.5;
        draw.beginPath();
        for (let i = 0; i < places.length; i += 2) draw.lineTo(places[i] * scale, places[i + 1] * scale);
        draw.stroke();
      }
      if (!byId("boxes").checked) return;
      draw.font = "10px system-ui";
      for (const [left, top, right, bottom, text, moves] of camera.boxes[current]) {
        draw.strokeStyle = draw.fillStyle = moves ? MOVES : STANDS;
        draw.lineWidth = moves ? 1.5 : 0.75;
        draw.strokeRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
        // Far things crowd together: their names would hide each other.
        if (moves && (bottom - top) * scale >= 24) draw.fillText(text, left * scale, top * scale - 3);
      }
    };
    image.onload = () => { paint(); canvas.dataset.drawn = String(current); };
    views.push((t, force) => {
      const number = newest(camera.t, t);
      if (number !== current) {
        current = number;
        image.src = "data:image/jpeg;base64," + camera.pictures[number];
        const thin = camera.pictures.length < camera.of ? `, ${camera.pictures.length} of ${camera.of}` : "";
        told.textContent = `${camera.t[number].toFixed(3)} s${thin}`;
      } else if (force && image.complete) paint();
    });
  };

  const unpacked = (text) => {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Int16Array(bytes.buffer);
  };
  const heightColor = (z) => {
    const part = Math.min(Math.max((z + 0.5) / 5, 0), 1);
    return `hsl(${Math.round(220 - 200 * part)} 85% ${Math.round(48 + 14 * part)}%)`;
  };

  // How far to show, level, in metres: a room as large as it is, a street to 30 m, where traffic is.
  const reachOf = (cloud) => {
    const points = unpacked(cloud.points[0]), ranges = [];
    for (let i = 0; i < points.length; i += 3) ranges.push(Math.hypot(points[i], points[i + 1]) * cloud.step);
    ranges.sort((a, b) => a - b);
    const most = ranges.length ? ranges[Math.floor(0.95 * (ranges.length - 1))] : 30;
    return most < 10 ? Math.max(1.1 * most, 1) : 30;
  };

  // Two views of one cloud: straight down, and one that turns by dragging and zooms by the wheel.
  const addCloud = (cloud) => {
    const size = 420, reach = reachOf(cloud), ring = reach > 11 ? 10 : 1;
    const kinds = [["from above", Math.PI / 2, 0], ["in 3D", 0.45, 0]].map(([name, tilt, turn]) => ({
      ...figure(byId("clouds"), `${cloud.name}, ${name}`, size, size), tilt, turn, zoom: size / (2 * reach), flat: tilt > 1.5,
    }));
    let current = -1, points = new Int16Array(0), colors = [];
    const paint = (view) => {
      const { draw } = view;
      const [ct, st] = [Math.cos(view.turn), Math.sin(view.turn)];
      const [cp, sp] = [Math.cos(view.tilt), Math.sin(view.tilt)];
      // x forward is up on the screen, y left is left; tilted about the screen's horizontal.
      const place = (x, y, z) => {
        const forward = ct * x + st * y, left = ct * y - st * x;
        return [size / 2 - left * view.zoom, size / 2 - (forward * sp + z * cp) * view.zoom];
      };
      draw.fillStyle = "#0d1014";
      draw.fillRect(0, 0, size, size);
      draw.strokeStyle = "#222a33";
      draw.lineWidth = 1;
      for (let r = ring; r <= 8 * ring; r += ring) {
        draw.beginPath();
        for (let a = 0; a <= 48; a++) draw.lineTo(...place(r * Math.cos(a * Math.PI / 24), r * Math.sin(a * Math.PI / 24), 0));
        draw.stroke();
      }
      const dot = view.zoom > 12 ? 2 : 1.5;
      for (let i = 0; i < points.length; i += 3) {
        const [u, v] = place(points[i] * cloud.step, points[i + 1] * cloud.step, points[i + 2] * cloud.step);
        if (u < 0 || v < 0 || u > size || v > size) continue;
        draw.fillStyle = colors[i / 3];
        draw.fillRect(u, v, dot, dot);
      }
      if (!byId("boxes").checked) return;
      draw.font = "10px system-ui";
      for (const [corners, text, moves] of cloud.boxes[current]) {
        draw.strokeStyle = draw.fillStyle = moves ? MOVES : STANDS;
        draw.lineWidth = moves ? 1.5 : 0.6;
        const at = [...Array(8).keys()].map((k) => place(corners[3 * k], corners[3 * k + 1], corners[3 * k + 2]));
        draw.beginPath();
        for (const [a, b] of EDGES) { draw.moveTo(...at[a]); draw.lineTo(...at[b]); }
        draw.stroke();
        if (moves) draw.fillText(text, at[7][0] + 2, at[7][1] - 2);
      }
    };
    for (const view of kinds) {
      const { canvas } = view;
      canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
      canvas.addEventListener("pointermove", (event) => {
        if (!event.buttons) return;
        view.turn -= event.movementX * 0.01;
        if (!view.flat) view.tilt = Math.min(Math.max(view.tilt + event.movementY * 0.01, 0.02), Math.PI / 2);
        paint(view);
      });
      canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        view.zoom = Math.min(Math.max(view.zoom * Math.exp(-event.deltaY * 0.001), 1), 200);
        paint(view);
      }, { passive: false });
    }
    views.push((t, force) => {
      const number = newest(cloud.t, t);
      if (number === current && !force) return;
      if (number !== current) {
        current = number;
        points = unpacked(cloud.points[number]);
        colors = [];
        for (let i = 2; i < points.length; i += 3) colors.push(heightColor(points[i] * cloud.step));
      }
      for (const view of kinds) {
        paint(view);
        view.told.textContent = `${cloud.t[number].toFixed(3)} s, ${points.length / 3} points`;
        view.canvas.dataset.drawn = String(number);
      }
    });
  };

  const addPlot = (plot) => {
    const width = 380, height = 120, left = 46, top = 6, right = 6, bottom = 16;
    const { canvas, told, draw } = figure(byId("plots"), `${plot.name} [${plot.unit}]`, width, height);
    let low = Infinity, high = -Infinity;
    for (const series of plot.series) for (const value of series) { low = Math.min(low, value); high = Math.max(high, value); }
    const range = high - low, most = Math.max(Math.abs(low), Math.abs(high));
    // Series have nine digits: a metre of longitude is in the seventh.
    const pad = Math.max(range * 0.05, 1e-9 + most * 1e-8);
    const digits = range > 0 ? Math.min(Math.max(Math.ceil(Math.log10(most / range)) + 3, 4), 9) : 4;
    low -= pad;
    high += pad;
    const x = (t) => left + (width - left - right) * t / Math.max(data.end_s, 1e-9);
    const y = (value) => top + (height - top - bottom) * (high - value) / (high - low);
    const still = document.createElement("canvas");
    still.width = width;
    still.height = height;
    const pen = still.getContext("2d");
    pen.font = "10px system-ui";
    pen.fillStyle = "#9aa5b1";
    pen.textAlign = "right";
    const ends = high - low > 3 * pad ? [low + pad, high - pad] : [0.5 * (low + high)];
    ends.forEach((value, i) => {
      // Where four digits would be the same at both ends, the upper one tells the difference.
      const text = i > 0 && digits > 6 ? `+${range.toExponential(1)}` : value.toPrecision(4);
      pen.fillText(text, left - 4, y(value) + 3);
    });
    pen.fillText(`${data.end_s.toFixed(1)} s`, width - right, height - 4);
    if (low < 0 && high > 0) { pen.strokeStyle = "#2b323b"; pen.beginPath(); pen.moveTo(left, y(0)); pen.lineTo(width - right, y(0)); pen.stroke(); }
    plot.series.forEach((series, number) => {
      pen.strokeStyle = LINES[number % LINES.length];
      pen.beginPath();
      series.forEach((value, i) => pen.lineTo(x(plot.t[i]), y(value)));
      pen.stroke();
    });
    canvas.addEventListener("pointerdown", (event) => {
      const part = (event.offsetX * width / canvas.clientWidth - left) / (width - left - right);
      show(Math.min(Math.max(part, 0), 1) * data.end_s);
    });
    views.push((t) => {
      draw.clearRect(0, 0, width, height);
      draw.drawImage(still, 0, 0);
      draw.strokeStyle = "#e6eaee";
      draw.beginPath();
      draw.moveTo(x(t), top);
      draw.lineTo(x(t), height - bottom);
      draw.stroke();
      const number = newest(plot.t, t);
      told.textContent = plot.series.map((series) => series[number].toPrecision(digits)).join("  ");
    });
  };

  const show = (t, force) => {
    now = Math.min(Math.max(t, 0), data.end_s);
    byId("time").value = now;
    byId("clock").textContent = `${now.toFixed(3)} s`;
    for (const view of views) view(now, force);
  };

  byId("title").textContent = data.title;
  for (const [name, value] of Object.entries(data.about)) {
    const entry = make("div", byId("about"));
    make("dt", entry, name);
    make("dd", entry, String(value));
  }
  data.cameras.forEach(addCamera);
  data.clouds.forEach(addCloud);
  data.plots.forEach(addPlot);
  for (const event of data.events) {
    const button = make("button", byId("events"), `${event.t.toFixed(2)} s ${event.kind} ${Object.entries(event.detail).map((e) => e.join(" ")).join(", ")}`);
    button.addEventListener("click", () => show(event.t));
  }

  let playing = false, last = 0;
  const tick = (stamp) => {
    if (!playing) return;
    const t = now + (stamp - last) / 1000 * Number(byId("speed").value);
    last = stamp;
    if (t >= data.end_s) { show(data.end_s); toggle(); return; }
    show(t);
    requestAnimationFrame(tick);
  };
  const toggle = () => {
    playing = !playing;
    byId("play").textContent = playing ? "Pause" : "Play";
    if (playing) { if (now >= data.end_s) show(0); last = performance.now(); requestAnimationFrame(tick); }
  };
  byId("play").addEventListener("click", toggle);
  byId("time").max = data.end_s;
  byId("time").addEventListener("input", (event) => show(Number(event.target.value)));
  for (const name of ["boxes", "lanes"]) byId(name).addEventListener("change", () => show(now, true));
  byId("lanes").parentElement.hidden = !data.cameras.some((camera) => camera.lanes.some((lines) => lines.length));
  document.addEventListener("keydown", (event) => {
    if (event.target.tagName === "SELECT" || event.target.tagName === "BUTTON") return;
    if (event.key === " ") { event.preventDefault(); toggle(); }
    if (event.key === "ArrowRight") show(now + 0.1);
    if (event.key === "ArrowLeft") show(now - 0.1);
  });
  const start = Number(new URLSearchParams(location.hash.slice(1)).get("t"));
  show(Number.isFinite(start) ? start : 0);
  document.body.dataset.ready = "yes";
})();
