import { DOMParser } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { svg, svgStyle } from '../../book/svg.ts';
import type { Diagram } from '../../tools/show/diagram.ts';

const diagram: Diagram = {
  nodes: [
    { id: 'Api', name: 'Api', type: 'ApiGatewayV2 Api' },
    { id: 'Charge', name: 'Charge', type: 'Lambda Function' },
    { id: 'Table', name: 'Ch<arg>es & "more"', type: 'DynamoDB Table' },
    { id: 'Alone', name: 'Alone', type: 'SQS Queue' },
  ],
  edges: [
    { from: 'Api', to: 'Charge', labels: ['POST /charges', 'PUT /charges/{id}', 'c', 'd', 'e'] },
    { from: 'Charge', to: 'Table', labels: ['GetItem'] },
    { from: 'Table', to: 'Charge', labels: [] },
  ],
};

function elements(name: string, of: Diagram = diagram) {
  return [...new DOMParser().parseFromString(svg(of).text, 'image/svg+xml').getElementsByTagName(name)];
}

const numberOf = (element: { getAttribute(name: string): string | null }, name: string) =>
  Number(element.getAttribute(name));

describe('the picture of a diagram', () => {
  it('has a box for each node, with name and type, coloured by what it is', () => {
    const texts = elements('g').map((box) =>
      [...box.getElementsByTagName('text')].map(({ textContent }) => textContent),
    );
    expect(texts).toEqual(diagram.nodes.map(({ name, type }) => [name, type]));
    expect(elements('g').map((box) => box.getAttribute('class'))).toEqual(['', 'code', 'storage', 'queue']);
  });

  it('has an arrow for each edge, with the first labels and how many more there are', () => {
    expect(elements('path').filter((path) => path.hasAttribute('marker-end'))).toHaveLength(diagram.edges.length);
    const labels = elements('text').filter((text) => text.getAttribute('class') === 'label');
    expect(labels.map(({ textContent }) => textContent)).toEqual([
      'POST /charges',
      'PUT /charges/{id}',
      'c',
      'and 2 more',
      'GetItem',
    ]);
  });

  it('places boxes from left to right, inside the picture and not over each other', () => {
    const [picture] = elements('svg');
    const boxes = elements('rect').map((box) => ({
      left: numberOf(box, 'x'),
      top: numberOf(box, 'y'),
      right: numberOf(box, 'x') + numberOf(box, 'width'),
      bottom: numberOf(box, 'y') + numberOf(box, 'height'),
    }));
    for (const [index, box] of boxes.entries()) {
      expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(numberOf(picture!, 'width'));
      expect(box.bottom).toBeLessThanOrEqual(numberOf(picture!, 'height'));
      const over = boxes.slice(index + 1).filter((other) => {
        const apart = box.right < other.left || other.right < box.left;
        return !apart && box.top <= other.bottom && other.top <= box.bottom;
      });
      expect(over).toEqual([]);
    }
    expect(boxes[0]!.right).toBeLessThan(boxes[1]!.left);
    expect(boxes[1]!.right).toBeLessThan(boxes[2]!.left);
  });

  it('draws arrows of numbers only', () => {
    for (const path of elements('path')) expect(path.getAttribute('d')).toMatch(/^M[-\d. MLQz]+$/);
  });

  it('has the one style sheet that its policy lets pass, as it stands', () => {
    expect(elements('style').map(({ textContent }) => textContent)).toEqual([svgStyle]);
  });

  it('is the same every time, and there for a stack without resources', () => {
    expect(svg(diagram).text).toBe(svg(diagram).text);
    expect(numberOf(elements('svg', { nodes: [], edges: [] })[0]!, 'width')).toBeGreaterThan(0);
  });
});
