import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 5,
  slug: 'international-traffic',
  title: "A social network's international traffic",
  ask: 'A social network that runs in one country now gets traffic from all over the world. How do you scale it?',
  load: {},
  variants: [],
  points: planned(
    'Backend services across global regions',
    'Geo-spatial load balancers',
    'A CDN for static content',
    'Data compliance for different countries',
    'Multi-language content storage',
    'Surges across time zones: auto-scaling and regional servers',
  ),
};
