/* The page around the engine: reads a file, runs the worker, draws what it says. Nothing leaves the page. */
"use strict";

window.musicTagger = { files: {}, result: null };

(() => {
  const MAX_MINUTES = 10, MIN_SECONDS = 0.5, N_TOP = 8, RECORD_SECONDS = 10;
  const MAX_BYTES = 400e6; // where the length is not known: what decoding may take
  const RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000];
  const WARMTH = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"]; // viridis

  class Refused extends Error {}

  /* ---- files ---- */
  const ascii = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

  const NOT_AUDIO = [
    [/^\s*(<!doctype html|<html)/i, "is not audio but an HTML page; the download failed"],
    [/^version https:\/\/git-lfs/i, "is not audio but a Git LFS pointer; fetch the file itself (git lfs pull)"],
    [/^(PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!)/, "is not audio but an archive; unpack it"],
    [/^%PDF/, "is not audio but a PDF document"],
    [/^(\x89PNG|\xff\xd8\xff|GIF8)/, "is not audio but a picture"],
    [/^MThd/, "is a MIDI file: notes without sound; render it to audio first"],
    [/^\x00\x05\x16[\x00\x07]/, "is not audio but macOS file information; leave it out"],
  ];

  /** Sample rate that a file is stored at, or null: its header says so. */
  function storedRate(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), head = ascii(bytes, 0, 4);
    const find = (text, upTo = 65536) => {
      for (let i = 0; i + text.length < Math.min(bytes.length, upTo); i++)
        if (ascii(bytes, i, i + text.length) === text) return i;
      return -1;
    };
    try {
      if (head === "RIFF" && find("fmt ") > 0) return view.getUint32(find("fmt ") + 12, true);
      if (head === "fLaC") return view.getUint32(18) >>> 12;
      if (head === "OggS") {
        if (find("OpusHead", 512) > 0) return 48000;
        if (find("\x01vorbis", 512) > 0) return view.getUint32(find("\x01vorbis", 512) + 12, true);
        return find("fLaC", 512) > 0 ? view.getUint32(find("fLaC", 512) + 18) >>> 12 : null;
      }
      if (ascii(bytes, 4, 8) === "ftyp") {
        const at = find("mp4a", bytes.length);
        return at > 0 ? view.getUint32(at + 28) >>> 16 : null;
      }
      let at = head.startsWith("ID3") ? 10 + [6, 7, 8, 9].reduce((sum, i) => sum * 128 + bytes[i], 0) : 0;
      for (const end = at + 8192; at < end; at++) // the first frame of an MP3
        if (bytes[at] === 255 && (bytes[at + 1] & 0xe6) === 0xe2 && (bytes[at + 2] & 12) !== 12) {
          const version = (bytes[at + 1] >> 3) & 3, rate = [44100, 48000, 32000][(bytes[at + 2] >> 2) & 3];
          return rate / { 3: 1, 2: 2, 0: 4 }[version];
        }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // the header ends early
    }
    return null;
  }

  /** Seconds that a WAV file promises and that are there, or null. */
  function wavSeconds(bytes, size) {
    if (ascii(bytes, 0, 4) !== "RIFF") return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 12, perSecond = 0; at + 24 < bytes.length; ) {
      const kind = ascii(bytes, at, at + 4), length = view.getUint32(at + 4, true);
      if (kind === "fmt ") perSecond = view.getUint32(at + 16, true);
      if (kind === "data") return perSecond ? { promised: length / perSecond, there: (size - at - 8) / perSecond } : null;
      at += 8 + length + (length % 2);
    }
    return null;
  }

  /** Seconds that the browser's player finds, NaN where it does not say. */
  function playedSeconds(address) {
    return new Promise((resolve) => {
      const audio = new Audio();
      const done = () => resolve(Number.isFinite(audio.duration) ? audio.duration : NaN);
      audio.preload = "metadata";
      audio.onloadedmetadata = audio.onerror = done;
      setTimeout(done, 4000);
      audio.src = address;
    });
  }

  /** Decode a file to mono at the rate it is stored at. */
  async function decode(file, address) {
    if (file.size === 0) throw new Refused("is empty (0 bytes), or a folder; choose an audio file");
    const head = new Uint8Array(await file.slice(0, 1 << 20).arrayBuffer().catch(() => {
      throw new Refused("cannot be read; is it a folder, or was it moved?");
    }));
    const start = ascii(head, 0, Math.min(head.length, 256)).replace(/^\xef\xbb\xbf/, "");
    for (const [signature, meaning] of NOT_AUDIO) if (signature.test(start)) throw new Refused(meaning);
    const notes = [], seconds = await playedSeconds(address), limit = MAX_MINUTES * 60;
    let part = file;
    const share = Number.isFinite(seconds) ? limit / seconds : MAX_BYTES / file.size;
    if (share < 1) {
      part = file.slice(0, Math.floor(file.size * share));
      notes.push(Number.isFinite(seconds)
        ? `The file lasts ${clock(seconds)}; about the first ${MAX_MINUTES} minutes are tagged.`
        : `The file is very large; its first ${Math.round(MAX_BYTES / 1e6)} MB are tagged.`);
    }
    const wav = wavSeconds(head, file.size);
    if (wav && wav.promised < 86400 && wav.there < wav.promised - 0.1)
      notes.push(`The file is cut off: ${wav.there.toFixed(1)} of ${wav.promised.toFixed(1)} s are there.`);
    const rate = storedRate(head), context = new OfflineAudioContext(1, 1, RATES.includes(rate) ? rate : 48000);
    let buffer;
    try {
      buffer = await context.decodeAudioData(await part.arrayBuffer());
    } catch {
      throw new Refused(part === file
        ? "cannot be decoded by this browser: it is damaged, no audio, or of another kind; convert it to WAV, FLAC, Ogg or MP3"
        : `lasts ${clock(seconds)}, and its first ${MAX_MINUTES} minutes cannot be read alone; cut it, or convert it to MP3`);
    }
    if (buffer.length === 0) throw new Refused("holds no sound behind its header; save it again");
    const samples = new Float32Array(Math.min(buffer.length, Math.ceil(limit * buffer.sampleRate)));
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      const values = buffer.getChannelData(channel), weight = 1 / buffer.numberOfChannels;
      for (let i = 0; i < samples.length; i++) samples[i] += weight * values[i];
    }
    if (samples.length < MIN_SECONDS * buffer.sampleRate)
      throw new Refused(`is too short: ${(samples.length / buffer.sampleRate).toFixed(2)} s; at least ${MIN_SECONDS} s are needed`);
    return { samples, sampleRate: buffer.sampleRate, notes };
  }

  const clock = (seconds) => seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`;
  const REFUSALS = {
    silent: "is silent: no sample exceeds one step of 16-bit audio; there is nothing to tag",
    notFinite: "holds samples that are NaN or infinite; export it again",
  };

  /* ---- what the build wrote beside the page: scripts, because file:// lets no page fetch ---- */
  async function loadScript(folder, name) {
    if (!musicTagger.files[name])
      await new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${folder}${name}.js`;
        script.onload = resolve;
        script.onerror = () => reject(new Refused(`(${name}.js) is missing beside this page; build the book again`));
        document.head.append(script);
      });
    const entry = musicTagger.files[name];
    return { ...entry, bytes: Uint8Array.from(atob(entry.data), (c) => c.charCodeAt(0)) };
  }

  async function loadNetwork(folder, name, own) {
    const network = own ?? await loadScript(folder, name);
    if (crypto.subtle) { // not on a page from an insecure server
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", network.bytes));
      const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
      if (found !== network.sha256) throw new Refused(`(${name}.js) is damaged; build the book again`);
    }
    return network;
  }

  /** A network that `mtlib export` wrote. */
  async function readNetwork(file) {
    try {
      const network = { ...JSON.parse(await file.text()), source: "" }; // a stranger's file gives no link
      network.bytes = Uint8Array.from(atob(network.data), (c) => c.charCodeAt(0));
      musicTaggerEngine().unpack(network, network.bytes.buffer);
      return network;
    } catch {
      throw new Refused("is not a network for this page; write one with python -m mtlib export");
    }
  }

  /* ---- elements and drawing ---- */
  function element(name, properties = {}, ...children) {
    const { data = {}, aria = {}, ...plain } = properties, made = Object.assign(document.createElement(name), plain);
    for (const [key, value] of Object.entries(data)) made.dataset[key] = value;
    for (const [key, value] of Object.entries(aria)) made.setAttribute(key === "role" ? key : `aria-${key}`, value);
    made.append(...children);
    return made;
  }

  const colours = Array.from({ length: 256 }, (_, i) => {
    const x = i / 255 * (WARMTH.length - 1), k = Math.min(Math.floor(x), WARMTH.length - 2);
    const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const [a, b] = [rgb(WARMTH[k]), rgb(WARMTH[k + 1])];
    return a.map((value, j) => value + (x - k) * (b[j] - value));
  });

  /** Draw a matrix (row, column), the first row at the bottom unless `down`; values from 0 to 1. */
  function image(canvas, n, m, value, down = false) {
    canvas.width = m;
    canvas.height = n;
    const context = canvas.getContext("2d"), pixels = context.createImageData(m, n);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < m; column++) {
        const level = value(row, column);
        if (Number.isNaN(level)) continue; // nothing was heard there: transparent
        const colour = colours[Math.round(255 * Math.min(1, Math.max(0, level)))];
        pixels.data.set([...colour, 255], 4 * ((down ? row : n - 1 - row) * m + column));
      }
    context.putImageData(pixels, 0, 0);
  }

  function drawWave(canvas, samples) {
    const width = (canvas.width = 1200), height = (canvas.height = 120), context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(canvas).color;
    const step = samples.length / width;
    for (let x = 0; x < width; x++) {
      let low = 0, high = 0;
      for (let i = Math.floor(x * step); i < (x + 1) * step; i++) {
        low = Math.min(low, samples[i]);
        high = Math.max(high, samples[i]);
      }
      const top = (1 - Math.min(1, high)) * height / 2, bottom = (1 - Math.max(-1, low)) * height / 2;
      context.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  }

  /** Mono samples as a 16-bit WAV file. */
  function wavFile(samples, sampleRate) {
    const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
    const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    text(0, "RIFF");
    text(8, "WAVEfmt ");
    text(36, "data");
    [[4, 36 + 2 * samples.length], [16, 16], [24, sampleRate], [28, 2 * sampleRate], [40, 2 * samples.length]].forEach(([at, value]) => view.setUint32(at, value, true));
    [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => view.setUint16(at, value, true));
    samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(32767 * value), true));
    return new Blob([view], { type: "audio/wav" });
  }

  const order = (values) => Array.from(values.keys()).sort((a, b) => values[b] - values[a]);

  /** Cosines between the label vectors of two tags. */
  function cosines(network, tag) {
    const n = network.layers.at(-1).n_out, nTags = network.tags.length;
    const bits = new Uint16Array(network.bytes.buffer), first = bits.length - nTags * (n + 1);
    const half = (b) => (b & 0x8000 ? -1 : 1) * ((b >> 10) & 31 ? (1 + (b & 1023) / 1024) * 2 ** (((b >> 10) & 31) - 15) : (b & 1023) * 2 ** -24);
    const rows = network.vectors ??= Array.from({ length: nTags }, (_, i) => {
      const row = Array.from(bits.subarray(first + i * n, first + (i + 1) * n), half), norm = Math.hypot(...row);
      return row.map((value) => value / norm);
    });
    return rows.map((row) => row.reduce((sum, value, i) => sum + value * rows[tag][i], 0));
  }

  /* ---- the page ---- */
  function start(root) {
    const { networks, clips } = JSON.parse(root.dataset.index), folder = root.dataset.folder;
    const choose = element("select", {}, ...networks.map(({ file, title, licence }) =>
      element("option", { value: file }, `${title} (licence: ${licence})`)));
    const own = element("input", { type: "file", accept: ".json" });
    own.onchange = () => {
      const [file] = own.files;
      if (file) guard(async () => {
        owned.set(file.name, await readNetwork(file));
        if (![...choose.options].some(({ value }) => value === file.name))
          choose.append(element("option", { value: file.name }, file.name));
        choose.value = file.name;
        status.classList.remove("mt-tagger-refused");
        status.textContent = `${file.name} is ready.`;
        if (current?.samples) await run();
      }, file.name);
      own.value = "";
    };
    const input = element("input", { type: "file", accept: "audio/*,.mp3,.wav,.ogg,.opus,.flac,.m4a" });
    const drop = element("div", { className: "mt-tagger-drop" },
      element("label", {}, "Audio file ", input), element("span", { className: "mt-muted" }, "or drop one here"));
    const status = element("p", { className: "mt-tagger-status", aria: { role: "status", live: "polite" } }, "No file yet.");
    const bar = element("progress", { max: 1, value: 0, hidden: true, aria: { label: "Progress" } });
    const shown = element("div", { className: "mt-tagger-result", hidden: true });
    const buttons = clips.map((clip) => {
      const button = element("button", { type: "button" }, clip.title);
      button.onclick = () => guard(async () => {
        stop();
        const mine = turn, { bytes, name, type } = await loadScript(folder, clip.file);
        if (mine === turn) await open(new File([bytes], name, { type }), `${clip.title} (${clip.licence})`);
      });
      return button;
    });
    const record = element("button", { type: "button" }, `Record ${RECORD_SECONDS} s`);
    record.onclick = () => guard(listen);
    const examples = element("p", { className: "mt-tagger-clips" }, ...(buttons.length ? ["Or an example: "] : []), ...buttons,
      ...(navigator.mediaDevices && window.MediaRecorder ? [record] : []));
    root.replaceChildren(drop, examples, element("p", {}, element("label", {}, "Network ", choose)),
      element("details", {}, element("summary", {}, "A network of your own"),
        element("p", {}, element("label", {}, "Network file ", own), " written by ", element("code", {}, "python -m mtlib export"))),
      status, bar, shown);

    let current = null, worker = null, address = "", turn = 0;
    const owned = new Map();

    async function guard(work, name = null) {
      try {
        await work();
      } catch (error) {
        stop();
        const why = error instanceof Refused ? error.message : `failed: ${error.message || error}`;
        status.textContent = `${name ?? current?.name ?? "This"} ${why}.`;
        status.classList.add("mt-tagger-refused");
        if (!(error instanceof Refused)) throw error;
      }
    }

    function stop() {
      worker?.terminate();
      worker = null;
      turn++;
      bar.hidden = true;
      shown.hidden = true;
      musicTagger.result = null;
    }

    async function listen() {
      current = { name: "The recording" };
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => {
        throw new Refused("needs a microphone and your permission");
      });
      const recorder = new MediaRecorder(stream), parts = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      recorder.onstop = () => {
        stream.getTracks().forEach((track) => track.stop());
        guard(() => open(new File(parts, "recording", { type: recorder.mimeType }), "The recording"));
      };
      recorder.start();
      status.textContent = `Recording ${RECORD_SECONDS} s …`;
      setTimeout(() => recorder.stop(), 1000 * RECORD_SECONDS);
    }

    async function open(file, name = file.name) {
      stop();
      const mine = turn;
      current = { name };
      status.classList.remove("mt-tagger-refused");
      status.textContent = `Reading ${name} …`;
      if (address) URL.revokeObjectURL(address);
      address = URL.createObjectURL(file);
      const decoded = await decode(file, address);
      if (mine !== turn) return; // another file was chosen meanwhile
      current = { name, ...decoded };
      await run();
    }

    async function run() {
      stop();
      const mine = turn, { name, samples, sampleRate, notes } = current;
      status.classList.remove("mt-tagger-refused");
      const network = await loadNetwork(folder, choose.value, owned.get(choose.value)).catch((error) => {
        current = { name: choose.selectedOptions[0].textContent };
        throw error;
      });
      if (mine !== turn) return;
      const text = `${musicTaggerEngine}\n(${musicTaggerWorker})();`;
      const script = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      worker = new Worker(script);
      URL.revokeObjectURL(script);
      const windows = [], view = results(network, samples, sampleRate, (moment) => worker.postMessage({ moment }));
      status.textContent = [`Tagging ${name} …`, ...notes].join(" ");
      bar.value = 0;
      bar.hidden = false;
      worker.onmessage = ({ data }) => guard(() => {
        if (mine !== turn) return;
        if (data.kind === "refused") throw new Refused(REFUSALS[data.why]);
        if (data.kind === "failed") throw new Error(data.message);
        if (data.kind === "feature") return view.feature(data);
        if (data.kind === "heard") return view.heard();
        if (data.kind === "window") {
          windows.push(data);
          bar.value = windows.length / data.n;
          view.window(data);
          return;
        }
        bar.hidden = true;
        const top = order(data.probs).slice(0, 5).map((i) => `${network.tags[i]} ${data.probs[i].toFixed(2)}`);
        view.finish(data.probs, windows);
        const parts = data.nWindows === 1 ? "one window" : `${data.nWindows} windows`;
        status.textContent = [`${name}: ${top.join(", ")}. ${clock(data.seconds)} in ${parts}, computed in ` +
          `${(data.milliseconds / 1000).toFixed(1)} s.`, ...notes].join(" ");
        musicTagger.result = { ...data, network: network.name, tags: network.tags, windows };
      });
      worker.onerror = (event) => guard(() => { throw new Error(event.message); });
      worker.postMessage({ header: { ...network, data: "", bytes: null }, weights: network.bytes.buffer, samples, sampleRate });
    }

    /** The part of the page below the controls; returns what fills it. */
    function results(network, samples, sampleRate, hear) {
      const seconds = samples.length / sampleRate;
      const audio = element("audio", { controls: true, src: address, aria: { label: `Player: ${current.name}` } });
      const wave = element("canvas", { aria: { role: "img", label: "Waveform" } });
      const mel = element("canvas", { className: "mt-tagger-mel", aria: { role: "img", label: "Mel-spectrogram: time to the right, frequency upwards, brighter is louder" } });
      const time = element("canvas", { aria: { role: "img", label: "Tags over time; the table below has the numbers" } });
      const cursor = element("div", { className: "mt-tagger-cursor" });
      const names = element("ul", { aria: { label: "Tags of the rows" } });
      const ends = element("div", { className: "mt-tagger-ends", aria: { hidden: true } },
        element("span", {}, "0 s"), element("span", { className: "mt-tagger-key" }, "0", element("i"), "1"), element("span", {}, clock(seconds)));
      const tracks = element("div", { className: "mt-tagger-tracks" }, wave, mel, time, cursor);
      const bars = element("div", { className: "mt-tagger-bars" }), near = element("ul"), table = element("div", { className: "mt-scroll", tabIndex: 0, aria: { role: "region", label: "Table of tags over time" } });
      const ask = element("button", { type: "button" }, "Make the features audible"), row = element("div", { className: "mt-bench mt-bench-row" });
      const license = element("p", { className: "mt-small" }, `${network.title}. Licence: ${network.licence}. `,
        ...(network.source ? [element("a", { href: network.source }, "Source of the weights"), ". "] : []), `SHA-256 of this copy: ${network.sha256.slice(0, 12)}….`);
      shown.replaceChildren(audio, element("div", { className: "mt-tagger-time" }, names, tracks), ends,
        element("details", {}, element("summary", {}, "Tags over time as a table"), table),
        element("h3", {}, "Tags"), bars, element("h3", {}, "Close to the strongest tags"),
        element("p", {}, "Tags whose label vectors point in nearly the same direction (cosine):"), near,
        element("h3", {}, "Hear what the layers respond to"),
        element("p", {}, "The strongest feature of each layer, turned back into sound (auralisation), from the player's position on."),
        ask, row, license);
      ask.onclick = () => {
        ask.disabled = true;
        row.replaceChildren();
        musicTagger.features = [];
        status.textContent = "Turning features into sound …";
        hear(audio.currentTime);
      };
      drawWave(wave, samples);
      const strip = element("canvas"), nColumns = 1200, picture = mel.getContext("2d");
      mel.width = nColumns;
      mel.height = network.frontend.n_mels;
      tracks.onclick = ({ clientX }) => {
        const box = tracks.getBoundingClientRect();
        audio.currentTime = (clientX - box.left) / box.width * seconds;
      };
      const follow = () => {
        cursor.style.left = `${100 * Math.min(1, audio.currentTime / seconds)}%`;
        if (!audio.paused && audio.isConnected) requestAnimationFrame(follow);
      };
      audio.onplay = audio.onseeked = audio.ontimeupdate = follow;

      function show(data) {
        const { mel: { level, nMels, nFrames }, start: from, seconds: length } = data;
        let peak = -Infinity;
        for (const value of level) peak = Math.max(peak, value);
        image(strip, nMels, nFrames, (row, column) => 1 + (level[row * nFrames + column] - peak) / 80);
        const used = Math.min(nFrames, Math.ceil(length * network.sample_rate / network.frontend.hop_length));
        picture.drawImage(strip, 0, 0, used, nMels, from / seconds * nColumns, 0, length / seconds * nColumns, nMels);
        shown.hidden = false;
      }

      function finish(probs, windows) {
        const columnSeconds = network.layers.reduce((hop, { pool }, i) => hop * (i + 1 < network.layers.length ? pool[1] : 1), network.frontend.hop_length) / network.sample_rate;
        const points = windows.flatMap(({ start: from, seconds: length, columns }) => columns
          .map((values, i) => ({ from: from + i * columnSeconds, values })).filter(({ from: at }) => at < from + length && at < seconds));
        const rows = order(probs).slice(0, N_TOP);
        const heardTo = windows.at(-1).start + windows.at(-1).seconds;
        image(time, rows.length, nColumns, (row, column) => {
          const moment = (column + 0.5) / nColumns * seconds;
          return moment > heardTo ? NaN : points.findLast(({ from }) => from <= moment).values[rows[row]];
        }, true);
        names.replaceChildren(...rows.map((tag) => element("li", {}, network.tags[tag])));
        table.replaceChildren(grid(["from s", ...rows.map((tag) => network.tags[tag])],
          points.map(({ from, values }) => [from.toFixed(1), ...rows.map((tag) => values[tag].toFixed(2))])));
        const kinds = [...new Set(network.categories)];
        bars.replaceChildren(...kinds.map((kind) => element("section", {}, element("h4", {}, kind), element("ol", {},
          ...order(probs).filter((tag) => network.categories[tag] === kind).map((tag) => {
            const fill = element("span", { className: "mt-tagger-bar" });
            fill.style.setProperty("--share", probs[tag]);
            return element("li", {}, element("span", {}, network.tags[tag]), fill, element("span", {}, probs[tag].toFixed(2)));
          })))));
        near.replaceChildren(...rows.slice(0, 3).map((tag) => {
          const close = cosines(network, tag), others = order(close).filter((other) => other !== tag).slice(0, 5);
          return element("li", {}, element("strong", {}, network.tags[tag]), ": ",
            others.map((other) => `${network.tags[other]} ${close[other].toFixed(2)}`).join(", "));
        }));
      }
      function feature(data) {
        const { layer, feature: number, image: values, nMels, nFrames, samples: sound } = data;
        const name = `Layer ${layer}, feature ${number}`, drawn = element("canvas", { aria: { role: "img", label: `${name}: where it found what` } });
        let peak = 1e-9;
        for (const value of values) peak = Math.max(peak, Math.abs(value));
        image(drawn, nMels, nFrames, (mel, frame) => Math.sqrt(Math.abs(values[mel * nFrames + frame]) / peak));
        const source = URL.createObjectURL(wavFile(sound, network.sample_rate));
        row.append(element("figure", {}, element("figcaption", {}, name), drawn,
          element("audio", { controls: true, src: source, aria: { label: name } })));
        musicTagger.features.push(data);
      }

      function heard() {
        ask.disabled = false;
        status.textContent = `${network.layers.length} features are ready to play, below the tags.`;
      }
      return { window: show, finish, feature, heard };
    }

    function grid(head, rows) {
      return element("table", { className: "mt-ledger" },
        element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((text) => element("td", {}, text))))));
    }

    input.onchange = () => {
      const [file] = input.files;
      if (file) guard(() => open(file));
      input.value = ""; // the same file may be chosen again
    };
    choose.onchange = () => current?.samples && guard(run);
    root.ondragover = (event) => event.preventDefault();
    root.ondrop = (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) guard(() => open(file));
    };
  }

  document.querySelectorAll(".mt-tagger").forEach(start);
})();
