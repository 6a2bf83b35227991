/* Samples to tags: resampling, mel-spectrogram, network. It draws nothing, and runs in a Web Worker.
 *
 * The steps are those of mtlib: signal/audio.py (windows), signal/frontend.py, networks/models.py (Convnet).
 * Maps are Float64Array (map, freq, time), so that no value is converted inside the loops.
 * The page makes the worker from the text of this function, which also works from file://. */
"use strict";

function musicTaggerEngine() {
  /* ---- resampling: Kaiser-windowed sincs, fitted to the responses of soxr "HQ" at 19 pairs of rates ---- */
  const CUTOFF = 0.95687; // of the lower Nyquist frequency
  const ONE_STAGE = { beta: 13.04, periods: 97 }, TWO_STAGES = { beta: 13.69, periods: 101.8 };
  const MORE_STAGES = { beta: 14.2, periods: 106 };

  function bessel(x) {
    let sum = 1, term = 1;
    for (let k = 1; term > 1e-12 * sum; k++) {
      term *= (x / (2 * k)) ** 2;
      sum += term;
    }
    return sum;
  }

  function greatestDivisor(a, b) {
    return b ? greatestDivisor(b, a % b) : a;
  }

  function resample(samples, from, to) {
    if (from === to) return samples;
    const divisor = greatestDivisor(from, to), up = to / divisor, down = from / divisor;
    const scale = Math.min(1, to / from); // of the pass band, in input frequencies
    const { beta, periods } = from > 7 * to ? MORE_STAGES : from < 4 * to && Math.max(up, down) <= 4 ? ONE_STAGE : TWO_STAGES;
    const half = 2 * Math.ceil(periods / scale / 2) + 1, nTaps = 2 * half + 2; // a multiple of 4; the last is 0
    const gain = 1 / bessel(beta);
    const filters = new Array(up);
    const filter = (phase) => {
      const taps = new Float64Array(nTaps);
      let sum = 0;
      for (let i = 0; i < nTaps; i++) {
        const t = i - half - phase / up, x = t * scale / periods, y = Math.PI * t * scale * CUTOFF;
        if (Math.abs(x) < 1)
          taps[i] = (y === 0 ? 1 : Math.sin(y) / y) * bessel(beta * Math.sqrt(1 - x * x)) * gain;
        sum += taps[i];
      }
      for (let i = 0; i < nTaps; i++) taps[i] /= sum;
      return taps;
    };
    const nIn = samples.length, out = new Float32Array(Math.round(nIn * to / from));
    for (let n = 0; n < out.length; n++) {
      const position = n * down, centre = Math.floor(position / up), phase = position % up;
      const taps = filters[phase] || (filters[phase] = filter(phase));
      const start = centre - half, first = Math.max(0, -start), end = Math.min(nTaps, nIn - start);
      let i = first, a = 0, b = 0, c = 0, d = 0; // four sums need not wait for each other
      for (let at = start + i; i + 3 < end; i += 4, at += 4) {
        a += taps[i] * samples[at];
        b += taps[i + 1] * samples[at + 1];
        c += taps[i + 2] * samples[at + 2];
        d += taps[i + 3] * samples[at + 3];
      }
      for (; i < end; i++) a += taps[i] * samples[start + i];
      out[n] = a + b + c + d;
    }
    return out;
  }

  /* ---- front end: STFT with reflected ends, mel filters, decibels ---- */
  function makeTransform(n) { // complex FFT of length n, in place
    const cos = new Float64Array(n / 2), sin = new Float64Array(n / 2), reversed = new Uint32Array(n);
    for (let i = 0; i < n / 2; i++) {
      cos[i] = Math.cos(2 * Math.PI * i / n);
      sin[i] = Math.sin(2 * Math.PI * i / n);
    }
    for (let i = 1; i < n; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? n >> 1 : 0);
    return (re, im) => {
      for (let i = 0; i < n; i++) {
        const j = reversed[i];
        if (j > i) {
          [re[i], re[j]] = [re[j], re[i]];
          [im[i], im[j]] = [im[j], im[i]];
        }
      }
      for (let size = 2; size <= n; size *= 2) {
        const half = size / 2, step = n / size;
        for (let start = 0; start < n; start += size)
          for (let k = 0; k < half; k++) {
            const a = start + k, b = a + half, c = cos[k * step], s = sin[k * step];
            const x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
            re[b] = re[a] - x;
            im[b] = im[a] - y;
            re[a] += x;
            im[a] += y;
          }
      }
    };
  }

  /** Complex spectra (frame, bin) of one window. */
  function spectra(samples, { n_fft: n, hop_length: hop }) {
    const nFrames = 1 + Math.floor(samples.length / hop), nBins = n / 2 + 1, last = samples.length - 1;
    const window = hann(n), transform = makeTransform(n), re = new Float64Array(n), im = new Float64Array(n);
    const real = new Float64Array((nFrames + 1) * nBins), imaginary = new Float64Array((nFrames + 1) * nBins);
    const sample = (i) => samples[i < 0 ? -i : i > last ? 2 * last - i : i];
    for (let frame = 0; frame < nFrames; frame += 2) { // two real frames in one complex transform
      for (let i = 0; i < n; i++) {
        const at = frame * hop - n / 2 + i;
        re[i] = window[i] * sample(at);
        im[i] = frame + 1 < nFrames ? window[i] * sample(at + hop) : 0;
      }
      transform(re, im);
      for (let k = 0, at = frame * nBins; k < nBins; k++, at++) {
        const m = (n - k) % n;
        real[at] = (re[k] + re[m]) / 2;
        imaginary[at] = (im[k] - im[m]) / 2;
        real[at + nBins] = (im[k] + im[m]) / 2;
        imaginary[at + nBins] = (re[m] - re[k]) / 2;
      }
    }
    return { real, imaginary, nFrames, nBins };
  }

  const hann = (n) => Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / n));

  /** Decibels (mel, frame) of one window, before standardising. */
  function decibels({ real, imaginary, nFrames, nBins }, network) {
    const { amin, top_db: topDb, reference, n_mels: nMels } = network.frontend;
    const level = new Float32Array(nMels * nFrames), power = new Float64Array(nBins);
    for (let frame = 0; frame < nFrames; frame++) {
      for (let k = 0, at = frame * nBins; k < nBins; k++, at++) power[k] = real[at] ** 2 + imaginary[at] ** 2;
      for (let mel = 0; mel < nMels; mel++) {
        const { first, weights } = network.filters[mel];
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * power[first + i];
        level[mel * nFrames + frame] = 10 * Math.log10(Math.max(sum, amin));
      }
    }
    let peak = -Infinity;
    for (const value of level) peak = Math.max(peak, value);
    const zero = reference === "max" ? peak : 10 * Math.log10(Math.max(reference, amin));
    const floor = topDb === null ? -Infinity : peak - zero - topDb;
    for (let i = 0; i < level.length; i++) level[i] = Math.max(level[i] - zero, floor);
    return { level, nMels, nFrames };
  }

  /** What the network takes: standardised where it was trained so, then scaled and shifted. */
  function networkInput({ level, nMels, nFrames }, network) {
    let { scale, shift } = network.input;
    if (network.frontend.standardise !== null) {
      let sum = 0, squares = 0;
      for (const value of level) sum += value;
      const mean = sum / level.length;
      for (const value of level) squares += (value - mean) ** 2;
      const gain = 1 / (Math.sqrt(squares / level.length) + network.frontend.standardise);
      shift -= scale * mean * gain;
      scale *= gain;
    }
    return { values: Float64Array.from(level, (value) => value * scale + shift), n: 1, nFreq: nMels, nTime: nFrames };
  }

  /* ---- network: convolution 3 × 3, max-pooling, activation; normalisation lies in the weights ---- */
  const ACTIVATIONS = { elu: (x) => (x > 0 ? x : Math.expm1(x)), relu: (x) => (x > 0 ? x : 0) };

  /** One stage. Activations rise, so that the maximum may be taken before them. Switches are its places. */
  function stage(x, layer, pool) {
    const { n: nIn, nFreq, nTime, values } = x, { weights, bias, gain, offset, n_out: nOut } = layer;
    const [poolFreq, poolTime] = pool, activate = ACTIVATIONS[layer.activation];
    const outFreq = Math.floor(nFreq / poolFreq), outTime = Math.floor(nTime / poolTime), width = nTime + 2;
    const padded = new Float64Array(nIn * nFreq * width);
    for (let row = 0; row < nIn * nFreq; row++)
      padded.set(values.subarray(row * nTime, (row + 1) * nTime), row * width + 1);
    const out = new Float64Array(nOut * outFreq * outTime), switches = new Int32Array(out.length);
    const best = new Float64Array(4 * outTime), places = new Int32Array(4 * outTime);
    const used = outTime * poolTime;
    const rows = [0, 1, 2, 3].map(() => new Float64Array(used)), [a, b, c, d] = rows;
    for (let map = 0; map < nOut; map += 4) // four maps at once: every input is loaded once for them
      for (let freq = 0; freq < outFreq; freq++) {
        best.fill(-Infinity);
        for (let f = freq * poolFreq; f < (freq + 1) * poolFreq; f++) {
          rows.forEach((row, j) => row.fill(bias[Math.min(map + j, nOut - 1)]));
          for (let i = 0; i < nIn; i++)
            for (let k = 0; k < 3; k++) {
              const source = f + k - 1;
              if (source < 0 || source >= nFreq) continue;
              accumulate(padded, (i * nFreq + source) * width, weights, ((map >> 2) * nIn + i) * 36 + k * 12, a, b, c, d, used);
            }
          for (let j = 0; j < 4; j++)
            for (let t = 0, row = rows[j], at = 0; t < outTime; t++)
              for (let p = 0; p < poolTime; p++, at++)
                if (row[at] > best[j * outTime + t]) {
                  best[j * outTime + t] = row[at];
                  places[j * outTime + t] = f * nTime + at;
                }
        }
        for (let j = 0; j < 4 && map + j < nOut; j++)
          for (let t = 0, at = ((map + j) * outFreq + freq) * outTime; t < outTime; t++, at++) {
            out[at] = activate(best[j * outTime + t] * gain[map + j] + offset[map + j]);
            switches[at] = places[j * outTime + t];
          }
      }
    return { values: out, switches, n: nOut, nFreq: outFreq, nTime: outTime };
  }

  function accumulate(x, at, w, from, a, b, c, d, n) {
    const a0 = w[from], a1 = w[from + 1], a2 = w[from + 2], b0 = w[from + 3], b1 = w[from + 4], b2 = w[from + 5];
    const c0 = w[from + 6], c1 = w[from + 7], c2 = w[from + 8], d0 = w[from + 9], d1 = w[from + 10], d2 = w[from + 11];
    let x0 = x[at], x1 = x[at + 1];
    for (let t = 0; t < n; t++) {
      const x2 = x[at + t + 2];
      a[t] += a0 * x0 + a1 * x1 + a2 * x2;
      b[t] += b0 * x0 + b1 * x1 + b2 * x2;
      c[t] += c0 * x0 + c1 * x1 + c2 * x2;
      d[t] += d0 * x0 + d1 * x1 + d2 * x2;
      x0 = x1;
      x1 = x2;
    }
  }

  function probabilities(features, network) {
    const { n_tags: nTags, output, outputBias } = network, n = features.length;
    return Float32Array.from({ length: nTags }, (_, tag) => {
      let sum = outputBias[tag];
      for (let i = 0; i < n; i++) sum += output[tag * n + i] * features[i];
      return 1 / (1 + Math.exp(-sum));
    });
  }

  /** Tags of one window, and of each column of the last maps: what the network would say if only it counted. */
  function forward(input, network) {
    let x = input;
    const layers = network.layers;
    layers.forEach((layer, i) => {
      const pool = i + 1 < layers.length ? layer.pool : [1, 1]; // the last pooling is done below, by column
      x = stage(x, layer, pool);
    });
    const [poolFreq, poolTime] = layers.at(-1).pool;
    const outFreq = Math.floor(x.nFreq / poolFreq) * poolFreq, outTime = Math.floor(x.nTime / poolTime) * poolTime;
    const whole = new Float64Array(x.n).fill(-Infinity);
    const columns = Array.from({ length: x.nTime }, () => new Float64Array(x.n).fill(-Infinity));
    for (let map = 0; map < x.n; map++)
      for (let f = 0; f < outFreq; f++)
        for (let t = 0; t < x.nTime; t++) {
          const value = x.values[(map * x.nFreq + f) * x.nTime + t];
          columns[t][map] = Math.max(columns[t][map], value);
          if (t < outTime) whole[map] = Math.max(whole[map], value);
        }
    return { probs: probabilities(whole, network), columns: columns.map((column) => probabilities(column, network)) };
  }

  /* ---- auralisation: from the strongest feature of a layer back to sound (deconvolution.py, auralisation.py) ---- */

  /** Put rectified maxima back where they stood, and apply the transposed kernels: maps of the stage's input. */
  function back({ values, switches, n, nFreq, nTime }, layer, [inFreq, inTime], only = null) {
    const size = nFreq * nTime, out = new Float64Array(layer.n_in * inFreq * inTime), width = inTime;
    for (let map = only ?? 0; map < (only === null ? n : only + 1); map++)
      for (let at = map * size; at < (map + 1) * size; at++) {
        const value = Math.max(0, values[at]) * layer.gain[map];
        if (value === 0) continue;
        const f = Math.floor(switches[at] / width), t = switches[at] % width;
        for (let i = 0; i < layer.n_in; i++)
          for (let k = 0; k < 3; k++) {
            if (f + k < 1 || f + k > inFreq) continue;
            const w = ((map >> 2) * layer.n_in + i) * 36 + k * 12 + (map & 3) * 3;
            const to = (i * inFreq + f + k - 1) * width + t;
            if (t > 0) out[to - 1] += value * layer.weights[w];
            out[to] += value * layer.weights[w + 1];
            if (t + 1 < width) out[to + 1] += value * layer.weights[w + 2];
          }
      }
    return out;
  }

  /** Image (mel, frame) of what excited the feature of each layer with the highest mean, and its sound. */
  function features(clip, network, say) {
    const spectrum = spectra(clip, network.frontend), input = networkInput(decibels(spectrum, network), network);
    const steps = [input];
    for (const layer of network.layers) steps.push(stage(steps.at(-1), layer, layer.pool));
    for (let depth = 1; depth < steps.length; depth++) {
      const { values, n } = steps[depth], size = values.length / n;
      const strength = Array.from({ length: n }, (_, map) =>
        values.subarray(map * size, (map + 1) * size).reduce((sum, value) => sum + Math.max(0, value), 0));
      const feature = strength.indexOf(Math.max(...strength));
      let maps = values;
      for (let i = depth; i > 0; i--)
        maps = back({ ...steps[i], values: maps }, network.layers[i - 1], [steps[i - 1].nFreq, steps[i - 1].nTime], i === depth ? feature : null);
      const image = Float32Array.from(maps);
      say({ kind: "feature", layer: depth, feature, image, nMels: input.nFreq, nFrames: input.nTime,
        samples: sound(image, spectrum, network, clip.length) });
    }
    say({ kind: "heard" });
  }

  /** The image as a spectrogram with the phase of the original (Listing 7.1), at an even level. */
  function sound(image, { real, imaginary, nFrames, nBins }, network, nSamples) {
    const { n_fft: n, hop_length: hop } = network.frontend, window = hann(n), transform = makeTransform(n);
    const weights = Array.from({ length: nBins }, () => []); // of the bands in each bin; they sum to 1
    network.filters.forEach(({ first, weights: given }, mel) =>
      given.forEach((weight, i) => weights[first + i].push([mel, weight])));
    weights.forEach((bands, k) => {
      if (!bands.length) bands.push([k < nBins / 2 ? 0 : network.filters.length - 1, 1]);
      const sum = bands.reduce((total, [, weight]) => total + weight, 0);
      for (const band of bands) band[1] /= sum;
    });
    const out = new Float64Array(nSamples + n), norm = new Float64Array(nSamples + n);
    const re = new Float64Array(n), im = new Float64Array(n);
    for (let frame = 0; frame < nFrames; frame++) {
      for (let k = 0; k < nBins; k++) {
        const x = real[frame * nBins + k], y = imaginary[frame * nBins + k], size = Math.hypot(x, y);
        let value = 0;
        for (const [mel, weight] of weights[k]) value += weight * image[mel * nFrames + frame];
        re[k] = size ? value * x / size : 0;
        im[k] = size && k && k < n / 2 ? -value * y / size : 0; // conjugate: the transform runs backwards
        if (k && k < n / 2) [re[n - k], im[n - k]] = [re[k], -im[k]];
      }
      transform(re, im);
      for (let i = 0, at = frame * hop; i < n && at + i < out.length; i++) {
        out[at + i] += re[i] / n * window[i];
        norm[at + i] += window[i] ** 2;
      }
    }
    const samples = Float32Array.from({ length: nSamples }, (_, i) => out[i + n / 2] / Math.max(norm[i + n / 2], 1e-8));
    let squares = 0, peak = 0;
    for (const value of samples) {
      squares += value * value;
      peak = Math.max(peak, Math.abs(value));
    }
    const gain = peak ? Math.min(0.1 / Math.sqrt(squares / nSamples), 0.99 / peak) : 0;
    return samples.map((value) => value * gain);
  }

  /* ---- the weights, as the build wrote them ---- */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  function unpack(header, buffer) {
    const values = Float64Array.from(new Uint16Array(buffer), half);
    let at = 0;
    const take = (n) => values.subarray(at, (at += n));
    const network = { ...header };
    network.filters = header.frontend.filters.map(([first, n]) => ({ first, weights: take(n) }));
    network.layers = header.layers.map((layer) => {
      const { n_in: nIn, n_out: nOut } = layer, kernels = take(nOut * nIn * 9);
      const bias = take(nOut), gain = take(nOut), offset = take(nOut);
      const weights = new Float64Array(Math.ceil(nOut / 4) * nIn * 36); // (4 maps, in, freq, map of the 4, time)
      for (let map = 0; map < nOut; map++)
        for (let i = 0; i < nIn; i++)
          for (let k = 0; k < 9; k++)
            weights[((map >> 2) * nIn + i) * 36 + Math.floor(k / 3) * 12 + (map & 3) * 3 + (k % 3)] = kernels[(map * nIn + i) * 9 + k];
      return { ...layer, weights, bias, gain, offset };
    });
    network.n_tags = header.tags.length;
    network.output = take(network.n_tags * header.layers.at(-1).n_out);
    network.outputBias = take(network.n_tags);
    if (at !== values.length) throw new Error(`${header.name}: ${values.length} weights, ${at} expected`);
    return network;
  }

  /* ---- one file ---- */
  const SILENCE = 2 ** -15;

  function windowStarts(nSamples, { n_samples: length, hop, min_samples: shortest }) {
    const starts = [0];
    for (let s = hop; s < nSamples; s += hop) if (nSamples - s >= Math.min(shortest, length)) starts.push(s);
    return starts;
  }

  /** The samples from `start`, repeated where they end early. */
  function window(samples, start, length) {
    const part = samples.subarray(start, start + length);
    return part.length === length ? part : Float32Array.from({ length }, (_, i) => part[i % part.length]);
  }

  /** Tag native samples window by window; `say` gets every step. Returns the resampled audio. */
  function tag(samples, sampleRate, network, say) {
    for (let i = 0; i < samples.length; i++)
      if (!Number.isFinite(samples[i])) return say({ kind: "refused", why: "notFinite" });
    const began = performance.now();
    const resampled = resample(samples, sampleRate, network.sample_rate);
    let loudest = 0;
    for (const value of resampled) loudest = Math.max(loudest, Math.abs(value));
    if (loudest <= SILENCE) return say({ kind: "refused", why: "silent" });
    const starts = windowStarts(resampled.length, network), length = network.n_samples;
    const total = new Float64Array(network.n_tags);
    starts.forEach((start, i) => {
      const clip = window(resampled, start, length);
      const mel = decibels(spectra(clip, network.frontend), network);
      const { probs, columns } = forward(networkInput(mel, network), network);
      probs.forEach((prob, j) => (total[j] += prob));
      say({ kind: "window", index: i, n: starts.length, start: start / network.sample_rate,
        seconds: Math.min(length, resampled.length - start) / network.sample_rate, mel, probs, columns });
    });
    say({ kind: "tagged", probs: Float32Array.from(total, (sum) => sum / starts.length), nWindows: starts.length,
      seconds: resampled.length / network.sample_rate, milliseconds: performance.now() - began });
    return resampled;
  }

  return { resample, unpack, tag, features, window };
}

/** What the worker runs: one file and one network; then, for a moment in seconds, what its features are. */
function musicTaggerWorker() {
  const engine = musicTaggerEngine(), say = (message) => self.postMessage(message);
  let network, resampled;
  self.onmessage = ({ data: { header, weights, samples, sampleRate, moment } }) => {
    try {
      if (header) {
        network = engine.unpack(header, weights);
        resampled = engine.tag(samples, sampleRate, network, say);
      } else {
        const length = network.n_samples, last = Math.max(0, resampled.length - length);
        const start = Math.min(last, Math.max(0, Math.floor(moment * network.sample_rate)));
        engine.features(engine.window(resampled, start, length), network, say);
      }
    } catch (error) {
      say({ kind: "failed", message: String(error.message || error) });
    }
  };
}

if (typeof module !== "undefined") module.exports = musicTaggerEngine();
