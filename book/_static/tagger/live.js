/* An excerpt that plays: its spectrogram scrolls, and bars show what a network says of the music heard so far. */
"use strict";

window.musicTagger ??= { files: {} };

(() => {
  const ROWS = 96, WIDTH = 640, PIXELS_PER_SECOND = 60, LOWEST = 60, HIGHEST = 9000; // Hz
  const FLOOR = -95, CEILING = -25; // dB of the darkest and the brightest colour
  const WARMTH = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"]; // viridis

  function element(name, properties = {}, ...children) {
    const { aria = {}, ...plain } = properties, made = Object.assign(document.createElement(name), plain);
    for (const [key, value] of Object.entries(aria)) made.setAttribute(key === "role" ? key : `aria-${key}`, value);
    made.append(...children);
    return made;
  }

  /** 256 colours from dark to bright. */
  function makeColours() {
    const context = element("canvas", { width: 256, height: 1 }).getContext("2d"), ramp = context.createLinearGradient(0, 0, 256, 0);
    WARMTH.forEach((colour, i) => ramp.addColorStop(i / (WARMTH.length - 1), colour));
    context.fillStyle = ramp;
    context.fillRect(0, 0, 256, 1);
    const { data } = context.getImageData(0, 0, 256, 1);
    return Array.from({ length: 256 }, (_, i) => `rgb(${data.subarray(4 * i, 4 * i + 3).join(" ")})`);
  }

  /** The clip that the build wrote as a script, because file:// lets no page fetch. */
  async function loadClip(folder, name) {
    if (!musicTagger.files[name])
      await new Promise((resolve, reject) => {
        const script = element("script", { src: `${folder}${name}.js`, onload: resolve });
        script.onerror = () => reject(new Error(`${name}.js is missing beside this page; build the book again`));
        document.head.append(script);
      });
    const { data, type } = musicTagger.files[name];
    return new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type });
  }

  function start(root) {
    const { clip, title, licence, source, every, tags, probs } = JSON.parse(root.dataset.live);
    const readings = Object.keys(probs), seconds = every * probs[readings[0]].length;
    const play = element("button", { type: "button" }, "Play");
    const choices = readings.map((reading, i) =>
      element("input", { type: "radio", name: "mt-live-reading", value: reading, checked: i === 0, onchange: () => showTags() }));
    const canvas = element("canvas", { width: WIDTH, height: ROWS, aria: { role: "img", label: "Spectrogram: time to the right, frequency upwards, brighter is louder" } });
    const heard = element("span", { className: "mt-muted" });
    const rows = tags.map((tag) => ({ bar: element("span", { className: "mt-tagger-bar" }), number: element("span"), tag }));
    const audio = element("audio");
    root.replaceChildren(
      element("p", {}, play, " ", element("strong", {}, title), ` (${licence}, `, element("a", { href: source }, "source"), ") ", heard),
      canvas,
      element("fieldset", {}, element("legend", {}, "The CRNN "), ...choices.map((input) => element("label", {}, input, ` ${input.value} `))),
      element("div", { className: "mt-tagger-bars" }, element("ol", {}, ...rows.map(({ tag, bar, number }) =>
        element("li", {}, element("span", {}, tag), bar, number)))));
    const picture = canvas.getContext("2d"), colours = makeColours();
    picture.fillStyle = colours[0];
    picture.fillRect(0, 0, WIDTH, ROWS);
    let analyser = null, drawnTo = 0, moment = seconds; // before it plays: what is said at the end

    /** Between two moments the probabilities are drawn in between. */
    function showTags() {
      const said = probs[choices.find(({ checked }) => checked).value];
      const at = Math.min(moment / every, said.length), before = Math.floor(at);
      rows.forEach(({ bar, number }, i) => {
        const from = before ? said[before - 1][i] : 0, to = before < said.length ? said[before][i] : from;
        const prob = from + (at - before) * (to - from);
        bar.style.setProperty("--share", prob);
        number.textContent = prob.toFixed(2);
      });
      heard.textContent = audio.src ? `${Math.round(moment)} of ${seconds} s heard` : `Tags after ${seconds} s`;
    }

    function drawColumn() {
      const levels = new Float32Array(analyser.frequencyBinCount), width = Math.floor((audio.currentTime - drawnTo) * PIXELS_PER_SECOND);
      if (width < 1) return;
      drawnTo += width / PIXELS_PER_SECOND;
      analyser.getFloatFrequencyData(levels);
      picture.drawImage(canvas, -width, 0);
      for (let row = 0; row < ROWS; row++) {
        const hertz = LOWEST * (HIGHEST / LOWEST) ** (row / ROWS), bin = Math.round(hertz * analyser.fftSize / analyser.context.sampleRate);
        const level = Math.min(1, Math.max(0, (levels[bin] - FLOOR) / (CEILING - FLOOR)));
        picture.fillStyle = colours[Math.round(255 * level)];
        picture.fillRect(WIDTH - width, ROWS - 1 - row, width, 1);
      }
    }

    function follow() {
      moment = Math.min(seconds, audio.currentTime);
      showTags();
      drawColumn();
      if (audio.currentTime >= seconds) audio.pause();
      if (!audio.paused) requestAnimationFrame(follow);
    }

    async function listen() {
      audio.src = URL.createObjectURL(await loadClip(root.dataset.folder, clip));
      root.append(audio);
      const context = new AudioContext();
      analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
      context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
    }

    play.onclick = async () => {
      if (!audio.paused) return audio.pause();
      if (!analyser) await listen();
      if (audio.currentTime >= seconds) audio.currentTime = drawnTo = 0;
      await analyser.context.resume();
      await audio.play();
    };
    audio.onplay = () => {
      play.textContent = "Pause";
      requestAnimationFrame(follow);
    };
    audio.onpause = () => (play.textContent = "Play");
    showTags();
  }

  document.querySelectorAll(".mt-live").forEach(start);
})();
